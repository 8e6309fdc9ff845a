import { closeSync } from 'node:fs';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { z } from '@hono/zod-openapi';
import { LameduckError } from '@lameduck/core';
import type { Controller } from '../../controller.ts';
import { followLog } from '../../processes/follow-log.ts';
import { openLog } from '../../processes/log-file.ts';
import { EventStreams } from '../event-streams.ts';
import type { ApiParts } from '../options.ts';
import type { ApiRoute, Asked } from '../route.ts';
import { logLine } from '../schemas/status.ts';
import { nodeName, notFound } from './read-routes.ts';

const flag = z.enum(['true', 'false', '1', '0', '']).default('false');

/** What goes on until the client has enough: events, and the log of a node. */
export function streamRoutes({ controller }: ApiParts): readonly ApiRoute[] {
  const streams = new EventStreams(controller.events);
  return [
    {
      ...{ method: 'get', path: '/v1/events', role: 'viewer', errors: [429] },
      summary: 'everything that happens, as server-sent events; goes on after `Last-Event-ID`',
      query: z.object({ lastEventId: z.string().max(100).optional() }),
      answer: {
        type: 'text/event-stream',
        schema: z.string(),
        description:
          'events named status, node, edge, service, operation, rollout, traffic, checks and audit',
      },
      handle: async ({ context, query }) => {
        const told = context.req.header('last-event-id') ?? (query['lastEventId'] as string | undefined);
        await streams.open(context, told);
        return RESPONSE_ALREADY_SENT;
      },
    },
    {
      ...{ method: 'get', path: '/v1/nodes/{node}/logs', role: 'viewer', errors: [404] },
      summary: 'the end of what the processes of a node print; `follow` goes on with what comes',
      params: z.object({ node: nodeName }),
      query: z.object({ lines: z.coerce.number().int().min(0).max(10_000).default(100), follow: flag }),
      answer: { type: 'application/x-ndjson', schema: logLine, description: 'lines, the oldest first' },
      handle: (asked) => streamLog(controller, asked),
    },
  ];
}

function streamLog(controller: Controller, { params, query, context }: Asked): Response {
  const node = params['node'] as string;
  const file = controller.logFile(node);
  if (file === undefined) throw notFound(`a log of node "${node}"`, 'one that lameduck started is wanted');
  refuseUnsafe(file);
  const isFollowing = query['follow'] !== 'false' && query['follow'] !== '0';
  const gone = new AbortController();
  context.env.outgoing?.once('close', () => gone.abort());
  const lines = followLog(file, query['lines'] as number, isFollowing, gone.signal);
  const encoder = new TextEncoder();
  const stream = new ReadableStream<Uint8Array>({
    async pull(controllerOfStream) {
      const { done, value } = await lines.next();
      if (done) controllerOfStream.close();
      else controllerOfStream.enqueue(encoder.encode(value.map(asLine).join('')));
    },
    cancel: () => gone.abort(),
  });
  return context.body(stream, 200, { 'content-type': 'application/x-ndjson' });
}

function asLine(line: string): string {
  return `${JSON.stringify({ line })}\n`;
}

/** Throws `forbidden`; one that is not there yet is no problem. */
function refuseUnsafe(file: string): void {
  try {
    closeSync(openLog(file, 'read'));
  } catch (thrown) {
    if (thrown instanceof LameduckError) throw thrown;
  }
}
