import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { socketPath } from '@lameduck/controller/socket-path';
import type { RunningService } from './run-service.ts';

/** What the controller answers on its socket, of an operation its report: for what a command each time would be too slow. */
export async function askController(
  { folder }: RunningService,
  method: 'GET' | 'POST',
  path: string,
): Promise<unknown> {
  const place = socketPath(join(folder, '.lameduck'), 'control.sock');
  const asked = request({
    socketPath: place,
    method,
    path,
    headers: { host: 'localhost' },
    agent: false,
  }).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const body = await text(answer);
  if (answer.statusCode !== 200) throw new Error(`${method} ${path}: ${answer.statusCode} ${body}`);
  return JSON.parse(body.trim().split('\n').at(-1) ?? '');
}
