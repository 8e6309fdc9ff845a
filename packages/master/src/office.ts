import { type ControlSocket, openControlSocket } from './control-socket.ts';
import type { Master } from './master.ts';
import type { MasterOptions } from './options.ts';
import { removePidFile, writePidFile } from './pid-file.ts';

/** Control socket and pid file: what names the master that is in charge. */
export class Office {
  readonly #options: MasterOptions;
  readonly #master: () => Master;
  readonly #controls: ControlSocket[] = [];

  constructor(options: MasterOptions, master: () => Master) {
    this.#options = options;
    this.#master = master;
  }

  /** Takes both; `replaces` where another master held them until now. Each changes in one step. */
  async take(replaces: boolean): Promise<void> {
    const { controlPath, pidfile, logger } = this.#options;
    if (controlPath !== undefined)
      this.#controls.push(await openControlSocket(controlPath, this.#master(), logger, replaces));
    if (pidfile !== undefined) await writePidFile(pidfile);
  }

  /**
   * Gives up what is still ours. With `isTakenBack` the master of before is writing the same names in this moment: between
   * our look at a file and its removal it could have become that master's.
   */
  async close(isTakenBack: boolean): Promise<void> {
    const { pidfile } = this.#options;
    if (pidfile !== undefined && !isTakenBack) await removePidFile(pidfile);
    await Promise.all(this.#controls.splice(0).map((control) => control.close(isTakenBack)));
  }
}
