/** A weight that rises: from when (milliseconds since 1970) and for how long. */
export interface Ramp {
  readonly beganAt: number;
  readonly ms: number;
}

/** All requests wait at the edge, each at most this long: since when (milliseconds since 1970). */
export interface GatePause {
  readonly beganAt: number;
  readonly holdMs: number;
}

/** What the shared dict of the gate holds: the nodes that are out, each with the epoch that took it out. */
export interface GateState {
  /** Raised by each change. */
  readonly epoch: number;
  readonly out: ReadonlyMap<string, number>;
  /** Nodes that came back and whose weight still rises; missing where there is none. */
  readonly ramps?: ReadonlyMap<string, Ramp>;
  /** Weights that were set at run time in place of the configured ones; missing where there is none. */
  readonly weights?: ReadonlyMap<string, number>;
  /** Missing where requests are sent on. */
  readonly pause?: GatePause;
}

/** `7 a@5 b@7 b=3 c:1763834000123:10000 :1763834000123:30000`, the form that the Lua code reads; a pause has no name. */
export function formatGateState(state: GateState): string {
  const out = [...state.out].map(([node, epoch]) => `${node}@${epoch}`);
  const ramps = [...(state.ramps ?? [])].map(([node, { beganAt, ms }]) => `${node}:${beganAt}:${ms}`);
  const weights = [...(state.weights ?? [])].map(([node, weight]) => `${node}=${weight}`);
  const pause = state.pause === undefined ? [] : [`:${state.pause.beganAt}:${state.pause.holdMs}`];
  return [String(state.epoch), ...out, ...weights, ...ramps, ...pause].join(' ');
}

const statePattern =
  /^\d{1,15}( [a-z0-9][a-z0-9-]*(@\d{1,15}|=\d{1,5}|:\d{1,15}:\d{1,15}))*( :\d{1,15}:\d{1,15})?$/;

/** The state behind the text; `undefined` where it is none. */
export function parseGateState(text: string): GateState | undefined {
  if (!statePattern.test(text)) return undefined;
  const [epoch, ...nodes] = text.split(' ');
  const out = nodes.filter((node) => node.includes('@')).map((node) => splitNode(node));
  const timed = nodes.filter((node) => node.includes(':')).map((node) => splitRamp(node));
  const ramps = timed.filter(([node]) => node !== '');
  const paused = timed.find(([node]) => node === '')?.[1];
  const weights = nodes.filter((node) => node.includes('=')).map((node) => splitWeight(node));
  const state = withRamps({ epoch: Number(epoch), out: new Map(out) }, new Map(ramps));
  return withPause(
    withWeights(state, new Map(weights)),
    paused === undefined ? undefined : { beganAt: paused.beganAt, holdMs: paused.ms },
  );
}

function splitNode(text: string): [string, number] {
  const at = text.lastIndexOf('@');
  return [text.slice(0, at), Number(text.slice(at + 1))];
}

function splitWeight(text: string): [string, number] {
  const [node = '', weight] = text.split('=');
  return [node, Number(weight)];
}

function splitRamp(text: string): [string, Ramp] {
  const [node = '', beganAt, ms] = text.split(':');
  return [node, { beganAt: Number(beganAt), ms: Number(ms) }];
}

/** The state with exactly these nodes out; the same object where that is so already. */
export function withOut(state: GateState, out: Iterable<string>): GateState {
  const wanted = [...new Set(out)].sort();
  if (wanted.length === state.out.size && wanted.every((node) => state.out.has(node))) return state;
  const epoch = state.epoch + 1;
  const next = { ...state, epoch, out: new Map(wanted.map((node) => [node, state.out.get(node) ?? epoch])) };
  return withRamps(next, state.ramps ?? new Map());
}

/** The state with these ramps only; a node that is out has none. */
export function withRamps(state: GateState, ramps: ReadonlyMap<string, Ramp>): GateState {
  const { ramps: _former, ...rest } = state;
  const kept = [...ramps].filter(([node]) => !rest.out.has(node)).sort(byName);
  return kept.length === 0 ? rest : { ...rest, ramps: new Map(kept) };
}

/** The state with exactly these weights in place of the configured ones; the same object where that is so already. */
export function withWeights(state: GateState, weights: ReadonlyMap<string, number>): GateState {
  const { weights: former = new Map(), ...rest } = state;
  const isSame =
    former.size === weights.size && [...weights].every(([node, weight]) => former.get(node) === weight);
  if (isSame) return state;
  return weights.size === 0 ? rest : { ...rest, weights: new Map([...weights].sort(byName)) };
}

function byName([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}

/** The state with this pause, or with none. */
export function withPause(state: GateState, pause: GatePause | undefined): GateState {
  if (pause === undefined && state.pause === undefined) return state;
  const { pause: _former, ...rest } = state;
  return pause === undefined ? rest : { ...rest, pause };
}

/** The ramps that have not come to their end. */
export function risingRamps(state: GateState, now: number): ReadonlyMap<string, Ramp> {
  return new Map([...(state.ramps ?? [])].filter(([, { beganAt, ms }]) => now < beganAt + ms));
}
