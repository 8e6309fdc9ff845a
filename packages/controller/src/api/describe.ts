import { OpenAPIHono, z } from '@hono/zod-openapi';
import { apiHeader, apiRevision } from '@lameduck/core';
import type { ApiRoute } from './route.ts';
import { errorBody } from './schemas/common.ts';
import { auditEntry, edgeView, nodeStatus, serviceFlags } from './schemas/status.ts';

/** Statuses that every route of the API may answer with. */
const commonErrors = [400, 401, 403, 429, 500];

const descriptions: Readonly<Record<number, string>> = {
  400: 'the request is not as described',
  401: 'TCP: no token, or a wrong one',
  403: 'TCP: the role does not suffice, or the request comes from a page of another site',
  404: 'there is no such thing',
  409: 'refused: by the guard, by an operation under way, or by what the node is',
  413: 'the body is too large',
  429: 'too many wrong tokens, or too many listeners',
  500: 'a fault of lameduck',
  502: 'an edge or a node did not do it; rolled back',
  503: 'the store cannot be written or read',
  504: 'not done before the deadline',
};

/** The API as an OpenAPI 3.1 document. */
export function describeApi(routes: readonly ApiRoute[]): object {
  const { openAPIRegistry: registry, getOpenAPI31Document } = new OpenAPIHono();
  registry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' });
  // what comes in events alone
  for (const [name, schema] of Object.entries({
    EdgeView: edgeView,
    ServiceFlags: serviceFlags,
    NodeStatus: nodeStatus,
    AuditEntry: auditEntry,
  }))
    registry.register(name, schema);
  for (const route of routes) {
    const { method, path, summary, role } = route;
    registry.registerPath({
      ...{ method, path, summary, request: requestOf(route), responses: responsesOf(route) },
      operationId: operationId(route),
      ...(role === undefined
        ? { security: [] }
        : { description: `Role: ${role}.`, security: [{ token: [] }] }),
    });
  }
  return getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'lameduck',
      version: String(apiRevision),
      description: `The API of a controller, on its unix socket and, where \`api.listen\` is configured, on TCP. Every answer has the header \`${apiHeader}\`: the revision of the API. Fields and paths may be added, never renamed.`,
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
    servers: [{ url: '/' }],
  });
}

function requestOf({ params, query, body, method }: ApiRoute): object {
  const headers = z.object({ 'idempotency-key': z.string().max(200).optional() });
  return {
    ...(params === undefined ? {} : { params }),
    ...(query === undefined ? {} : { query }),
    ...(method === 'post' ? { headers } : {}),
    ...(body === undefined ? {} : { body: { content: { 'application/json': { schema: body } } } }),
  };
}

function responsesOf({ answer, errors }: ApiRoute): Record<string, { description: string }> {
  const { type, schema, description } = answer;
  const failed = { 'application/json': { schema: errorBody } };
  const statuses = [...new Set([...commonErrors, ...errors])].sort((one, other) => one - other);
  return {
    200: { description, content: { [type]: { schema } } } as { description: string },
    ...Object.fromEntries(
      statuses.map((status) => [status, { description: descriptions[status] ?? 'error', content: failed }]),
    ),
  };
}

/** `get /v1/nodes/{node}/logs` becomes `getNodesLogs`. */
function operationId({ method, path }: ApiRoute): string {
  const words = path.split(/[/{}.]+/).filter((word) => word !== '' && word !== 'v1');
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}
