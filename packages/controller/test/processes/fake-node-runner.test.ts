import { LameduckError } from '@lameduck/core';
import { createFakeNode } from '../../src/adapters/fake/node-runner.ts';
import { describeNodeRunner, type NodeUnderTest } from '../node-runner-contract.ts';

describeNodeRunner('the fake node', async (): Promise<NodeUnderTest> => {
  const node = createFakeNode();
  return {
    runner: node.runner,
    reopen: node.reopen,
    broken() {
      node.failStarts(new LameduckError('startFailed', 'Cannot start "a": broken on purpose'));
      return node.runner;
    },
    crash: () => node.crash(),
    isAlive: (pid) => node.livingPids().includes(pid),
    isServing: async () => node.running() !== undefined,
    async holdAddress() {
      const message = 'Cannot start "a": address must be free: current value is held by pid 12 (stranger)';
      node.failStarts(new LameduckError('addressInUse', message));
      return async () => node.failStarts();
    },
    close: async () => undefined,
  };
});
