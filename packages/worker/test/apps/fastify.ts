import { Readable } from 'node:stream';
import fastify, { type FastifyInstance } from 'fastify';

// A plugin that works on the server itself must find the one that is served.
export const app: FastifyInstance = fastify();
app.server.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 426 Upgrade Required\r\n\r\n'));
app.get('/hello', async () => 'hello');
app.get('/slow', async (request) => {
  process.stderr.write('slow began\n');
  await new Promise((resolve) => setTimeout(resolve, Number((request.query as { ms: string }).ms)));
  return 'slow but whole';
});
app.get('/stream', (_request, reply) => reply.send(Readable.from(parts())));
app.addHook('onClose', async () => {
  process.stderr.write('onClose ran\n');
});

async function* parts(): AsyncGenerator<string> {
  for (const part of ['one ', 'two ', 'three']) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    yield part;
  }
}
