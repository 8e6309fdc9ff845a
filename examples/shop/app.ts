// The shop's Node nodes. `lameduck run app.ts` (or lameduck.yaml) serves the default export;
// `node app.ts` serves it alone, on HOST and PORT.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { serverLedger } from '@lameduck/ledger/server';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';

interface Query {
  readonly id?: string;
  readonly ms: number;
  readonly chunks: number;
  readonly bytes: number;
}

const querystring = {
  type: 'object',
  properties: {
    id: { type: 'string', maxLength: 128 },
    ms: { type: 'integer', minimum: 0, maximum: 600_000, default: 0 },
    chunks: { type: 'integer', minimum: 1, maximum: 10_000, default: 10 },
    bytes: { type: 'integer', minimum: 1, maximum: 1_048_576, default: 1024 },
  },
};

const ledger = serverLedger();
const app: FastifyInstance = Fastify({ routerOptions: { ignoreTrailingSlash: true } });

const signature = (id = ''): object => ({ id, node: ledger.node, pid: process.pid });

// bodies are read by their handlers, as they come
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));

// before the body is read: from here on the request counts as executed
app.addHook<{ Querystring: Query }>('onRequest', async (request, reply) => {
  ledger.track(request.query.id, reply.raw);
});

async function hashBody(request: FastifyRequest<{ Querystring: Query }>): Promise<object> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of request.raw) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { ...signature(request.query.id), sha256: hash.digest('hex'), bytes };
}

async function* streamChunks({ id = '', chunks, bytes, ms }: Query): AsyncGenerator<Buffer> {
  for (let index = 0; index < chunks; index += 1) {
    if (index > 0) await wait(ms);
    yield Buffer.alloc(bytes, `${id}:${index}\n`);
  }
}

app.get('/healthz', async () => ({ ok: true }));

app.get<{ Querystring: Query }>('/fast', { schema: { querystring } }, async ({ query }) =>
  signature(query.id),
);

app.get<{ Querystring: Query }>('/slow', { schema: { querystring } }, async ({ query }) => {
  await wait(query.ms);
  return signature(query.id);
});

app.post('/echo', { schema: { querystring } }, hashBody);
app.post('/upload', { schema: { querystring } }, hashBody);

app.get<{ Querystring: Query }>('/stream', { schema: { querystring } }, async ({ query }, reply) =>
  reply.type('application/octet-stream').send(Readable.from(streamChunks(query), { objectMode: false })),
);

app.addHook('onClose', async () => ledger.close());

export default app;

if (import.meta.main) {
  await app.listen({ host: process.env.HOST ?? '127.0.0.1', port: Number(process.env.PORT ?? 8001) });
}
