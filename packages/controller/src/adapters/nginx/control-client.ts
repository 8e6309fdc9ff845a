import { LameduckError, type NodeTraffic } from '@lameduck/core';
import { formatGateState, type GateState, parseGateState } from './gate-state.ts';
import { parseTraffic } from './parse-traffic.ts';
import { type Answer, sendRequest } from './send-request.ts';
import { shareQuestion } from './shared-question.ts';

/** The answer of the marker: which configuration answered, and by which worker. */
export interface Marker {
  readonly generation: number;
  readonly pid: number;
}

/** What the gate's shared dict holds. */
export interface GateReading {
  readonly state: GateState;
  readonly counters: ReadonlyMap<string, number>;
}

const callDeadlineMs = 2_000;
/** What is shown may be this old: who asks with the same beat gets the same answer. */
const recentMs = 150;

/** Speaks to the control server of one edge. Each call has its own connection and is done or failed within 2 s. */
export interface ControlClient {
  /** The marker; `undefined` where nobody answers, or not as ours. */
  marker(signal: AbortSignal): Promise<Marker | undefined>;
  /** Throws `edgeUnproven` where the gate does not answer. */
  readGate(signal: AbortSignal): Promise<GateReading>;
  /** The same as of a moment ago, but never of before a change of ours: what is only shown is asked for once for all. */
  recentGate(signal: AbortSignal): Promise<GateReading>;
  /** What each node was sent; those without any are missing. Throws `edgeUnproven`. */
  readTraffic(signal: AbortSignal): Promise<ReadonlyMap<string, NodeTraffic>>;
  /** False where the gate has a newer state already. Throws `edgeUnproven`. */
  setGate(state: GateState, signal: AbortSignal): Promise<boolean>;
  /** Drops the counters of workers that are gone. */
  forget(pids: readonly number[], signal: AbortSignal): Promise<void>;
}

export function createControlClient(edge: string, socketPath: string, token: () => string): ControlClient {
  const call = (method: string, path: string, body: string, signal: AbortSignal): Promise<Answer> =>
    inTime(signal, (either) =>
      sendRequest({
        to: { kind: 'unix', path: socketPath },
        ...{ method, path, body },
        headers: { 'x-lameduck-token': token() },
        signal: either,
      }),
    );
  const gate = async (method: string, body: string, signal: AbortSignal, path = '/gate'): Promise<Answer> => {
    try {
      return await call(method, path, body, signal);
    } catch (thrown) {
      throw unproven(edge, thrown instanceof Error ? thrown.message : String(thrown), thrown);
    }
  };
  const readGate = async (signal: AbortSignal): Promise<GateReading> => {
    const answer = await gate('GET', '', signal);
    const reading = answer.status === 200 ? parseReading(answer.body) : undefined;
    if (reading === undefined) throw unproven(edge, `status ${answer.status}`);
    return reading;
  };
  const recent = shareQuestion(() => readGate(new AbortController().signal), recentMs);
  return {
    marker: async (signal) => {
      const answer = await call('GET', '/marker', '', signal).catch(() => undefined);
      const found = /^(\d+):(\d+)$/.exec(answer?.body ?? '');
      return found === null ? undefined : { generation: Number(found[1]), pid: Number(found[2]) };
    },
    readGate,
    recentGate: (signal) => recent.read(signal),
    readTraffic: async (signal) => {
      const answer = await gate('GET', '', signal, '/traffic');
      const traffic = answer.status === 200 ? parseTraffic(answer.body) : undefined;
      if (traffic === undefined) throw unproven(edge, `status ${answer.status}`);
      return traffic;
    },
    setGate: async (state, signal) => {
      recent.forget();
      // and what was asked while it was on its way
      const answer = await gate('POST', formatGateState(state), signal).finally(() => recent.forget());
      if (answer.status === 409) return false;
      if (answer.status !== 200) throw unproven(edge, `status ${answer.status} ${answer.body.slice(0, 100)}`);
      return true;
    },
    forget: async (pids, signal) => {
      await gate('DELETE', pids.join(' '), signal);
    },
  };
}

/** A signal of `AbortSignal.timeout` would come to its end, and make its error, long after the answer. */
async function inTime<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController();
  const tooLate = (): void => late.abort(new DOMException('time is over', 'TimeoutError'));
  const timer = setTimeout(tooLate, callDeadlineMs);
  try {
    return await work(AbortSignal.any([signal, late.signal]));
  } finally {
    clearTimeout(timer);
  }
}

function unproven(edge: string, got: string, cause?: unknown): LameduckError {
  const message = `Cannot use the gate of edge "${edge}": its control socket must answer: current value is ${got}`;
  return new LameduckError('edgeUnproven', message, { edge }, cause);
}

function parseReading(body: string): GateReading | undefined {
  const [first = '', ...lines] = body.trimEnd().split('\n');
  const state = first.startsWith('state ') ? parseGateState(first.slice(6)) : undefined;
  if (state === undefined) return undefined;
  const counters = lines.map((line): [string, number] => {
    const space = line.lastIndexOf(' ');
    return [line.slice(0, space), Number(line.slice(space + 1))];
  });
  return { state, counters: new Map(counters) };
}
