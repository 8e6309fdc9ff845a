import { changeGate } from './gate-change.ts';
import { withWeights } from './gate-state.ts';
import type { Opened } from './opened.ts';
import { refuseBalance } from './plan.ts';
import { loadState } from './reload-change.ts';

/**
 * Gives exactly these nodes other weights than the configured ones. With the gate nothing is reloaded, and every pick
 * after it obeys; else the include has them and nginx is reloaded.
 *
 * @throws LameduckError `config` for weights that the gate cannot balance by; nothing has changed then.
 */
export async function weighEdge(
  opened: Opened,
  weights: ReadonlyMap<string, number>,
  applyTimeoutMs: number,
): Promise<void> {
  const { state, draining = [] } = opened.spec;
  if (opened.plan.mode === 'gate') {
    const nodes = opened.spec.nodes.map((node) => ({ weight: weights.get(node.name) ?? node.weight }));
    const problem = refuseBalance({ name: opened.edge, balance: opened.spec.balance, nodes });
    if (problem !== undefined) throw problem;
    await changeGate(opened, state.out.keys(), AbortSignal.timeout(applyTimeoutMs), { weights });
    return;
  }
  const wanted = { state: withWeights(state, weights), draining };
  await loadState(opened, wanted, applyTimeoutMs, () => undefined);
}

/** What the edge has in place of the configured weights, for `status`. */
export function weightsOf({ spec }: Opened): { readonly weights?: Readonly<Record<string, number>> } {
  const { weights } = spec.state;
  return weights === undefined ? {} : { weights: Object.fromEntries(weights) };
}
