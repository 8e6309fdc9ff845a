export { createAppRunner } from './adapters/app/app-runner.ts';
export { createGunicornRunner } from './adapters/gunicorn/gunicorn-runner.ts';
export { createShellHooks } from './adapters/hooks/shell-hooks.ts';
export type { EdgeFinding } from './adapters/nginx/audit/finding.ts';
export {
  type AttachedNginx,
  checkNginxEdge,
  type EdgeCheck,
  type EdgeExpectations,
} from './adapters/nginx/check-edge.ts';
export { createNginxEdge } from './adapters/nginx/edge.ts';
export type { NginxEdgeOptions } from './adapters/nginx/options.ts';
export { createServerRunner } from './adapters/process/server-runner.ts';
export { openSqliteStore, readHistory } from './adapters/sqlite/store.ts';
export { systemClock } from './adapters/system/clock.ts';
export { checkUnit } from './adapters/systemd/check-unit.ts';
export { createSystemdRunner } from './adapters/systemd/systemd-runner.ts';
export type { UnitFinding } from './adapters/systemd/unit-rules.ts';
export type { ApiOptions, TrafficFeed } from './api/options.ts';
export { createRoutes } from './api/routes.ts';
export {
  type ApiServer,
  isAnswering,
  serveApi,
  serveTcpApi,
  type TcpApiServer,
  type TcpOptions,
  tryTcpApi,
} from './api/server.ts';
export { createTcpDoor } from './api/tcp-door.ts';
export { hashToken, type TokenHash } from './api/tokens.ts';
export { createHealthChecks } from './checks/create-checks.ts';
export { type Controller, type ControllerParts, createController } from './controller.ts';
export { makeFolder, tryFolder } from './make-folder.ts';
export type { Edge } from './ports/edge.ts';
export type { NodeHooks } from './ports/node-hooks.ts';
export type { NodeRunner } from './ports/node-runner.ts';
export type { LaunchOptions } from './processes/launch-options.ts';
export { prepareSocketFolder, socketPath } from './socket-path.ts';
