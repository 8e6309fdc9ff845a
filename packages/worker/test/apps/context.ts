import type { IncomingMessage, ServerResponse } from 'node:http';
import { type WorkerContext, workerContext } from '@lameduck/worker';

interface State {
  opened?: string;
  asked?: number;
}

export function startup({ id, generation, state }: WorkerContext<State>): void {
  state.opened = `by worker ${id} of generation ${generation}`;
}

export function shutdown({ state }: WorkerContext<State>): void {
  process.stderr.write(`opened ${state.opened}, asked ${state.asked}\n`);
}

export default function handler(_request: IncomingMessage, response: ServerResponse): void {
  const { id, state } = workerContext<State>();
  state.asked = (state.asked ?? 0) + 1;
  response.end(`worker ${id}, opened ${state.opened}`);
}
