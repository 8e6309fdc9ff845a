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
  out_file: 'output goes to .lameduck/nodes/NAME/node.log',
  error_file: 'output goes to .lameduck/nodes/NAME/node.log',
  log_file: 'output goes to .lameduck/nodes/NAME/node.log',
  merge_logs: 'output goes to .lameduck/nodes/NAME/node.log',
  shutdown_with_message: "export shutdown(), or listen for SIGTERM: the message 'shutdown' is not sent",
  pid_file: 'lameduck knows its processes by itself: lameduck status',
  uid: 'nodes run as the user of lameduck up',
  gid: 'nodes run as the user of lameduck up',
};

/** A note for each setting of the application that is not in the new file. */
export function notCarried(app: Pm2App, where: string): readonly string[] {
  return Object.entries(app)
    .filter(([key, value]) => !carried.has(key) && value !== undefined && value !== null && value !== false)
    .map(([key]) => {
      const why = key.startsWith('env_') ? 'only env is taken; add what you need to env' : reasons[key];
      return `${where} ${key}: ${why ?? 'no counterpart'}`;
    });
}
