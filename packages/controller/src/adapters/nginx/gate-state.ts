/** What the shared dict of the gate holds: the nodes that are out, each with the epoch that took it out. */
export interface GateState {
  /** Raised by each change. */
  readonly epoch: number;
  readonly out: ReadonlyMap<string, number>;
}

/** `7 a@5 b@7`, the form that the Lua code reads. */
export function formatGateState(state: GateState): string {
  return [String(state.epoch), ...[...state.out].map(([node, epoch]) => `${node}@${epoch}`)].join(' ');
}

/** The state behind the text; `undefined` where it is none. */
export function parseGateState(text: string): GateState | undefined {
  if (!/^\d{1,15}( [a-z0-9][a-z0-9-]*@\d{1,15})*$/.test(text)) return undefined;
  const [epoch, ...nodes] = text.split(' ');
  return { epoch: Number(epoch), out: new Map(nodes.map((node) => splitNode(node))) };
}

function splitNode(text: string): [string, number] {
  const at = text.lastIndexOf('@');
  return [text.slice(0, at), Number(text.slice(at + 1))];
}

/** The state with exactly these nodes out; the same object where that is so already. */
export function withOut(state: GateState, out: Iterable<string>): GateState {
  const wanted = [...new Set(out)].sort();
  if (wanted.length === state.out.size && wanted.every((node) => state.out.has(node))) return state;
  const epoch = state.epoch + 1;
  return { epoch, out: new Map(wanted.map((node) => [node, state.out.get(node) ?? epoch])) };
}
