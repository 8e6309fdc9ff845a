import { relative } from 'node:path';
import { findServer } from '@lameduck/controller/find-server';
import { parseAddress } from '@lameduck/core';
import type { Draft, NodeDraft } from './draft.ts';

/** Nodes that nobody told how to run, run as what listens on their addresses now. */
export async function fillFromRunning(draft: Draft, folder: string): Promise<Draft> {
  const notes: string[] = [];
  const nodes = await Promise.all(
    draft.nodes.map(async (node): Promise<NodeDraft> => {
      const address = parseAddress(node.address);
      const found = address === undefined ? undefined : await findServer(address);
      if (found === undefined) return node;
      if ('owner' in found) {
        const owner = found.owner ?? 'unknown';
        notes.push(
          `node ${node.name}: process ${found.pid}, which listens there now, is of uid ${owner}, neither root nor us: its command line is not taken, as lameduck up would run it with our rights`,
        );
        return node;
      }
      notes.push(
        `node ${node.name}: start is the command line of process ${found.pid}, which listens there now; its environment is not known`,
      );
      const directory = relative(folder, found.directory) || '.';
      return {
        ...node,
        ...(directory === '.' ? {} : { directory }),
        process: { start: found.command },
      };
    }),
  );
  if (notes.length === 0) return draft;
  const stop = 'stop what listens on the addresses of the nodes now, and its supervisor';
  return { ...draft, nodes, notes: [...draft.notes, ...notes], steps: [...draft.steps, stop] };
}
