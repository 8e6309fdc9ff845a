import type { GunicornSettings } from './from-gunicorn.ts';

/** Settings that stay in Gunicorn's own file and would work against lameduck, or that lameduck overrides. */
const conflicts: Readonly<Record<string, string>> = {
  daemon: 'remove it from the file: lameduck must see Gunicorn in the foreground',
  pidfile: 'lameduck gives its own --pid',
  errorlog: "lameduck gives --error-logfile -; the lines are in the node's log",
  certfile: 'remove it: the edge speaks plain HTTP to its nodes; TLS belongs into the edge',
  keyfile: 'remove it: the edge speaks plain HTTP to its nodes; TLS belongs into the edge',
  reload: 'remove it: a reload by Gunicorn ends all workers at once; use lameduck restart',
  reuse_port: 'remove it: two nodes on one port cannot be told apart',
  control_socket: 'lameduck gives each node a control socket of its own',
};

/** A note for each setting that does not mean the same any more. */
export function gunicornNotes(settings: GunicornSettings): readonly string[] {
  const notes = Object.entries(conflicts)
    .filter(([name]) => ![undefined, null, false, '', '-'].includes(settings[name] as never))
    .map(([name, why]) => `${name}: ${why}`);
  const { keepalive, timeout } = settings;
  if (typeof keepalive === 'number' && keepalive < 15) {
    notes.push(`keepalive ${keepalive}: becomes 15, longer than nginx keeps its connections (4 s)`);
  }
  if (typeof timeout === 'number' && timeout === 0) {
    notes.push('timeout 0: a worker that hangs is never ended by Gunicorn');
  }
  return notes;
}
