import type { ServerResponse } from 'node:http';
import { type AccessFormat, formatAccess } from './access-line.ts';
import type { AccessLog } from './access-log.ts';
import type { Latency } from './latency.ts';

/** What is kept of a request until its answer ends. */
interface Begun {
  readonly at: number;
  /** Bytes that its connection had been sent before. */
  readonly sentBytes: number;
  readonly observer: RequestObserver;
}

const key = Symbol('lameduck.begun');
type Observed = ServerResponse & { [key]?: Begun };

/** Measures and logs answers; made only where somebody wants that, so that nobody else pays for it. */
export class RequestObserver {
  readonly latency: Latency | undefined;
  readonly accessLog: AccessLog | undefined;
  readonly #format: AccessFormat;

  constructor(latency: Latency | undefined, accessLog: AccessLog | undefined, format: AccessFormat) {
    this.latency = latency;
    this.accessLog = accessLog;
    this.#format = format;
  }

  /** A request is about to be run; where nobody else tells its end (HTTP/2), a listener does. */
  begin(response: ServerResponse, isAlone: boolean): void {
    const sentBytes = this.accessLog === undefined ? 0 : (response.socket?.bytesWritten ?? 0);
    (response as Observed)[key] = { at: performance.now(), sentBytes, observer: this };
    // One function for all: no closure for a request.
    if (isAlone) response.on('close', onClose);
  }

  ended(response: ServerResponse): void {
    const begun = (response as Observed)[key];
    if (begun === undefined) return;
    const ms = performance.now() - begun.at;
    this.latency?.observe(ms);
    if (this.accessLog === undefined) return;
    this.accessLog.write(formatAccess(response, { ms, sentBytes: begun.sentBytes }, this.#format));
  }
}

function onClose(this: ServerResponse): void {
  (this as Observed)[key]?.observer.ended(this);
}
