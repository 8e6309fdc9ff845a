import { isLogKey } from './pm2-launch.ts';
import type { Pm2App } from './read-ecosystem.ts';

const carried = new Set([
  ...['name', 'script', 'args', 'cwd', 'env', 'port', 'instances', 'exec_mode', 'increment_var'],
  ...['interpreter', 'exec_interpreter', 'interpreter_args', 'node_args'],
  ...['kill_timeout', 'listen_timeout', 'wait_ready', 'max_memory_restart'],
]);

/** Why other keys of PM2 have no counterpart; what is not here is told without a reason. */
const reasons: Readonly<Record<string, string>> = {
  watch: 'lameduck up does not watch files; for development: lameduck run --reload',
  autorestart: 'a node that dies is always started again',
  max_restarts: 'restarts back off up to 30 s and never give up',
  min_uptime: 'restarts back off up to 30 s and never give up',
  restart_delay: 'restarts back off up to 30 s and never give up',
  exp_backoff_restart_delay: 'restarts back off up to 30 s and never give up',
  cron_restart: 'let a timer call lameduck rollout',
  merge_logs: 'all workers of a node write to its one log',
  shutdown_with_message: "export shutdown(), or listen for SIGTERM: the message 'shutdown' is not sent",
  pid_file: 'lameduck knows its processes by itself: lameduck status',
  user: 'one user name or number is taken, of uid or user',
  uid: 'must be a user name or number',
  gid: 'must be a group name or number',
};

/** What has a counterpart for one of them only. */
const oneLog = 'a node has one log for both streams, log.file';

/** A note for each setting of the application that is not in the new file. */
export function notCarried(app: Pm2App, where: string, alsoCarried: readonly string[]): readonly string[] {
  return Object.entries(app)
    .filter(([key, value]) => !carried.has(key) && !alsoCarried.includes(key) && isSet(key, value))
    .map(([key]) => `${where} ${key}: ${reasonFor(key) ?? 'no counterpart'}`);
}

/** Restarts are PM2's default: there it is the `false` that says something. */
function isSet(key: string, value: unknown): boolean {
  if (key === 'autorestart') return value === false;
  return value !== undefined && value !== null && value !== false;
}

function reasonFor(key: string): string | undefined {
  if (key.startsWith('env_')) return 'only env is taken; add what you need to env';
  return isLogKey(key) ? oneLog : reasons[key];
}
