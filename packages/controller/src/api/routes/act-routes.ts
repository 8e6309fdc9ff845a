import { z } from '@hono/zod-openapi';
import { definedOnly, longestHoldMs, type OperationKind, type RolloutCommand } from '@lameduck/core';
import type { ApiParts } from '../options.ts';
import type { Performer } from '../perform.ts';
import type { Act, ApiRoute } from '../route.ts';
import { operationKind } from '../schemas/common.ts';
import { operationLine, rolloutStatus } from '../schemas/report.ts';
import { pausedAnswer, weightReport } from '../schemas/status.ts';
import { nodeName } from './read-routes.ts';

/** A week; a timer could take 24 days. */
const longestSoakMs = 604_800_000;
const leaveBody = z.strictObject({ pid: z.int().min(1), waitMs: z.int().min(0).max(3_600_000) });
const operateBody = z.strictObject({ force: z.boolean().optional(), dryRun: z.boolean().optional() });
const rolloutBody = z.strictObject({
  batch: z.int().min(1).max(10_000).optional(),
  canary: z.int().min(0).optional(),
  soakMs: z.int().min(0).max(longestSoakMs).optional(),
  maxErrorRate: z.number().min(0).max(1).optional(),
  maxP99Ratio: z.number().min(1).optional(),
  minRequests: z.int().min(0).optional(),
  only: z.array(z.string()).optional(),
  dryRun: z.boolean().optional(),
});
/** nginx takes no greater one; without any it is the configured one again. */
const weightBody = z.strictObject({ weight: z.int().min(1).max(65_535).optional() });
const pauseBody = z.strictObject({
  holdMs: z.int().min(1).max(longestHoldMs).optional(),
  by: z.string().max(100).optional(),
});

const lines = {
  type: 'application/x-ndjson',
  schema: operationLine,
  description: 'lines of JSON: progress, then the report',
} as const;
/** What an operation can be refused for: no such node, busy or refused by the guard; and what the world can do to it. */
const refusals = [404, 409, 413, 502, 503, 504];
const common = { method: 'post', role: 'operator' } as const;

type Params = Readonly<Record<string, string>>;
const leaving = ({ node = '' }: Params): Act => ({ action: 'leave', subject: node });
const operating = ({ operation = '', node = '' }: Params): Act => ({ action: operation, subject: node });
const weighing = ({ node = '' }: Params): Act => ({ action: 'weight', subject: node });
const steering = ({ command = '' }: Params): Act => ({ action: `rollout ${command}`, subject: 'service' });
const rollingOut = (): Act => ({ action: 'rollout', subject: 'service' });
const pausing = (): Act => ({ action: 'pause', subject: 'service' });
const resuming = (): Act => ({ action: 'resume', subject: 'service' });

/** What changes something. */
export function actRoutes(parts: ApiParts, performer: Performer): readonly ApiRoute[] {
  return [
    weightRoute(parts, performer),
    ...nodeRoutes(parts, performer),
    ...rolloutRoutes(parts, performer),
    ...holdRoutes(parts, performer),
  ];
}

/** The share of the requests; its path comes before the one of all operations. */
function weightRoute({ controller }: ApiParts, performer: Performer): ApiRoute {
  const answer = {
    type: 'application/json',
    schema: weightReport,
    description: 'what it was and is',
  } as const;
  return {
    ...{ ...common, path: '/v1/nodes/{node}/weight', errors: refusals, answer },
    summary: 'set the weight of a node until it is set again, or to the configured one',
    params: z.object({ node: nodeName }),
    body: weightBody,
    act: weighing,
    handle: (asked) => {
      const node = asked.params['node'] as string;
      const { weight } = asked.body as z.output<typeof weightBody>;
      const action = `weight ${weight ?? 'default'}`;
      return performer.once(asked, { action, subject: node }, () =>
        controller.setWeight(node, weight, asked.caller.by),
      );
    },
  };
}

function nodeRoutes({ controller }: ApiParts, performer: Performer): readonly ApiRoute[] {
  return [
    {
      ...{ ...common, path: '/v1/nodes/{node}/leave', errors: refusals, answer: lines },
      summary: 'a node says that it was sent SIGTERM: it is taken out, ends and is started again',
      params: z.object({ node: nodeName }),
      body: leaveBody,
      act: leaving,
      handle: (asked) => {
        const node = asked.params['node'] as string;
        const request = asked.body as z.output<typeof leaveBody>;
        return performer.stream(asked, leaving(asked.params), (onProgress) =>
          controller.leave(node, request, onProgress),
        );
      },
    },
    {
      ...{ ...common, path: '/v1/nodes/{node}/{operation}', errors: refusals, answer: lines },
      summary: 'drain, ready, stop, start or restart a node',
      params: z.object({ node: nodeName, operation: operationKind }),
      body: operateBody,
      act: operating,
      handle: async (asked) => {
        const node = asked.params['node'] as string;
        const kind = asked.params['operation'] as OperationKind;
        const { dryRun, ...options } = asked.body as z.output<typeof operateBody>;
        if (dryRun === true) {
          return asked.context.json(await controller.planOperation(kind, node, definedOnly(options)));
        }
        return performer.stream(asked, operating(asked.params), (onProgress) =>
          controller.operate(kind, node, onProgress, { ...definedOnly(options), by: asked.caller.by }),
        );
      },
    },
  ];
}

function rolloutRoutes({ controller }: ApiParts, performer: Performer): readonly ApiRoute[] {
  return [
    {
      ...{ ...common, path: '/v1/rollout', errors: refusals, answer: lines },
      summary: 'restart all nodes, a batch at a time; stops at the first that does not come back',
      body: rolloutBody,
      act: rollingOut,
      handle: async (asked) => {
        const { dryRun, ...request } = definedOnly(asked.body as z.output<typeof rolloutBody>);
        if (dryRun === true) {
          return asked.context.json(await controller.planRollout(request));
        }
        return performer.stream(asked, rollingOut(), (onProgress) =>
          controller.rollout({ ...request, by: asked.caller.by }, onProgress),
        );
      },
    },
    {
      ...{ ...common, path: '/v1/rollout/{command}', errors: [404, 409, 413] },
      summary: 'pause, resume or abort the rollout under way',
      params: z.object({ command: z.enum(['pause', 'resume', 'abort']) }),
      answer: { type: 'application/json', schema: rolloutStatus, description: 'how it stands then' },
      act: steering,
      handle: (asked) => {
        const command = asked.params['command'] as RolloutCommand;
        return performer.once(asked, steering(asked.params), async () => {
          return controller[`${command}Rollout`](asked.caller.by);
        });
      },
    },
  ];
}

/** Holding new requests at the edges. */
function holdRoutes({ controller }: ApiParts, performer: Performer): readonly ApiRoute[] {
  const answer = {
    type: 'application/json',
    schema: pausedAnswer,
    description: 'how they are held; empty where they are not',
  } as const;
  const errors = [404, 409, 413, 502, 503, 504];
  return [
    {
      ...{ ...common, path: '/v1/pause', errors, answer },
      summary: 'hold new requests at the edges',
      body: pauseBody,
      act: pausing,
      handle: (asked) =>
        performer.once(asked, pausing(), async () => {
          const { holdMs } = asked.body as z.output<typeof pauseBody>;
          return { paused: await controller.pause(asked.caller.by, holdMs) };
        }),
    },
    {
      ...{ ...common, path: '/v1/resume', errors, answer },
      summary: 'send requests on again, those that wait first',
      act: resuming,
      handle: (asked) =>
        performer.once(asked, resuming(), async () => {
          await controller.resume();
          return {};
        }),
    },
  ];
}
