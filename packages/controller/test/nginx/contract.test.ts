import { describeEdge, type EdgeUnderTest } from '../edge-contract.ts';
import { type BenchOptions, makeBench } from './harness.ts';

const make = (wanted: BenchOptions) => async (): Promise<EdgeUnderTest> => {
  const bench = await makeBench(wanted);
  return {
    edge: bench.edge,
    ask: async () => (await bench.ask()).split(' ')[0],
    dispose: bench.dispose,
  };
};

describeEdge('a managed nginx with the gate', make({ kind: 'managed', mode: 'gate' }));
describeEdge('a managed nginx by reload', make({ kind: 'managed', mode: 'reload' }));
describeEdge('an attached nginx with the gate', make({ kind: 'attached', mode: 'auto' }));
