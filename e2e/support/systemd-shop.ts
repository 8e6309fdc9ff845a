import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, type TestContext } from 'node:test';
import type { LedgerResult } from '@lameduck/ledger';
import { ask } from './ask.ts';
import { freePorts } from './ports.ts';
import { exampleUnit, inside, type Machine, type Ran, withMachine } from './real-systemd.ts';
import { underLoadOnMaster } from './under-load.ts';
import { until } from './until.ts';

export const service = 'lameduck-run.service';
export const socket = 'lameduck-run.socket';
const entry = '/srv/shop/app.js';
/** For a start on a busy machine. */
const readyMs = 30_000;
const dropIn = `/etc/systemd/system/${service}.d/more.conf`;

/** The code of the shop's application; `lines` run before it is ready. */
export function shopCode(lines = ''): string {
  return `${lines}\nexport { default } from '${inside.project}/examples/shop/app.ts';\n`;
}

/** For `shopCode`: long enough to be seen. */
export const slowStart: string = 'await new Promise((resolve) => setTimeout(resolve, 1500));';

/** The shop as `examples/systemd` has it, in a machine of its own. */
export interface SystemdShop {
  readonly machine: Machine;
  readonly url: string;
  readonly ledgerDir: string;
  mainPid(): Promise<number>;
  /** Pids of all processes of the unit; none where it has no cgroup. */
  pids(): Promise<number[]>;
  /** The last STATUS=. */
  status(): Promise<string>;
  deploy(code: string): Promise<void>;
  /** Lines for the section [Service], in a drop-in that replaces the one before. */
  configure(lines: string): Promise<void>;
  /** Started anew with these lines, and nothing remembered; resolves when it is ready. */
  startAfresh(lines?: string): Promise<void>;
  /** Resolves when none of these is there any more. */
  gone(pids: readonly number[]): Promise<void>;
  /** `systemctl VERB` for the service. */
  systemctl(...verb: string[]): Promise<string>;
  /** `systemctl kill` for the main process alone. */
  signalMain(signal: string): Promise<void>;
  /** `lameduck ctl` for its master, run inside. */
  ctl(verb: string): Promise<Ran>;
  /** One property of the service. */
  show(property: string): Promise<string>;
  /** Resolves when it is ready after so many automatic restarts. */
  isBack(restarts: number): Promise<void>;
  /** Asks for an upgrade by USR2; resolves with the pids of before when systemd has another main pid. */
  upgrade(): Promise<number[]>;
  /** Resolves with a function that gives what the journal has got since. */
  watchJournal(): Promise<() => Promise<string>>;
  /** Both ledgers of a load around the work. */
  underLoad(work: () => Promise<void>): Promise<LedgerResult>;
}

/** For the tests of one suite. */
export function withSystemdShop(folder: string): SystemdShop {
  const own = withMachine(folder);
  let url = '';
  const ledgerDir = join(folder, 'shared', 'ledger');
  before(async () => {
    const [port] = await freePorts(1);
    url = `http://127.0.0.1:${port}`;
    mkdirSync(ledgerDir);
    chmodSync(ledgerDir, 0o1777);
    await own.machine.write(filesOf(port ?? 0));
    await own.machine.systemctl('start', socket);
  });
  return {
    get machine() {
      return own.machine;
    },
    get url() {
      return url;
    },
    ledgerDir,
    underLoad: (work) => underLoadOnMaster(url, ledgerDir, work),
    ...workOn(() => own.machine),
    ...watch(() => own.machine),
  };
}

function filesOf(port: number): Record<string, string> {
  const environment = `PATH=${inside.path} LEDGER_DIR=${inside.shared}/ledger NODE_NAME=alone`;
  return {
    [entry]: shopCode(),
    ...exampleUnit(socket, `[Socket]\nListenStream=\nListenStream=127.0.0.1:${port}\n`),
    ...exampleUnit(service, `[Service]\nEnvironment=${environment}\nReadWritePaths=${inside.shared}\n`),
  };
}

type Machines = () => Machine;
type Work = 'deploy' | 'configure' | 'startAfresh' | 'systemctl' | 'signalMain' | 'upgrade' | 'ctl';
type Watch = 'mainPid' | 'pids' | 'status' | 'gone' | 'show' | 'isBack' | 'watchJournal';

function workOn(machine: Machines): Pick<SystemdShop, Work> {
  const configure = (lines: string): Promise<void> => machine().write({ [dropIn]: `[Service]\n${lines}\n` });
  const deploy = (code: string): Promise<void> => machine().write({ [entry]: code });
  const systemctl = (...verb: string[]): Promise<string> => machine().systemctl(...verb, service);
  const signalMain = async (signal: string): Promise<void> => {
    await systemctl('kill', `--signal=${signal}`, '--kill-who=main');
  };
  return {
    deploy,
    configure,
    systemctl,
    signalMain,
    ctl: (verb) => machine().run('lameduck', 'ctl', verb, '--control', '/run/lameduck-run/control.sock'),
    async startAfresh(lines = '') {
      await systemctl('stop');
      await machine().run('systemctl', 'reset-failed', service);
      await configure(lines);
      await deploy(shopCode());
      await systemctl('start');
    },
    async upgrade() {
      const before = await pidsOf(machine());
      const main = await machine().show(service, 'MainPID');
      await signalMain('USR2');
      const isNew = async (): Promise<boolean> => (await machine().show(service, 'MainPID')) !== main;
      await until('MAINPID follows', isNew, readyMs);
      return before;
    },
  };
}

function watch(machine: Machines): Pick<SystemdShop, Watch> {
  const show = (property: string): Promise<string> => machine().show(service, property);
  const journal = (): Promise<string> => machine().journal(service);
  return {
    show,
    mainPid: async () => Number(await show('MainPID')),
    pids: () => pidsOf(machine()),
    status: () => show('StatusText'),
    gone: (pids) =>
      until('the processes of before are gone', async () => {
        const { code } = await machine().run('sh', '-c', pids.map((pid) => `kill -0 ${pid}`).join(' || '));
        return code !== 0;
      }),
    async isBack(restarts) {
      await until('it is started again', async () => (await show('NRestarts')) === String(restarts), readyMs);
      await until('it is ready', async () => /^ready/.test(await show('StatusText')), readyMs);
    },
    async watchJournal() {
      const { length } = await journal();
      return async () => (await journal()).slice(length);
    },
  };
}

async function pidsOf(machine: Machine): Promise<number[]> {
  const { stdout } = await machine.run('cat', `/sys/fs/cgroup/system.slice/${service}/cgroup.procs`);
  return stdout.split('\n').filter(Boolean).map(Number);
}

/** A request that takes this long, begun when this resolves; gives the status of its answer, or 0 for none. */
export async function beginSlow(url: string, ms: number): Promise<{ readonly answer: Promise<number> }> {
  const slow = ask(url, 'GET', `/slow?ms=${ms}`);
  const answer = slow.then(
    ({ status }) => status,
    () => 0,
  );
  // One after it has been answered: the first has been read, or will be by a worker that is there now.
  await ask(url, 'GET', '/fast');
  return { answer };
}

/** The counts of a load, as a line of the test's report. */
export function noted(test: TestContext, result: LedgerResult): LedgerResult {
  const twice = result.server?.duplicates.length;
  test.diagnostic(`sent ${result.sent}, lost ${result.lost}, executed twice ${twice}`);
  return result;
}
