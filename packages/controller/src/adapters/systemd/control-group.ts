import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where cgroups are mounted: one hierarchy, or systemd's own beside those of the controllers. */
const mounts: readonly string[] = ['/sys/fs/cgroup', '/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified'];

/** Pids of a control group and those below it; none where it is gone or cannot be read. */
export function readControlGroup(path: string): readonly number[] {
  if (path === '' || path === '/') return [];
  for (const mount of mounts) {
    const pids = readTree(join(mount, path));
    if (pids !== undefined) return pids;
  }
  return [];
}

function readTree(folder: string): readonly number[] | undefined {
  try {
    const own = readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
    const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...own, ...below.flatMap(({ name }) => readTree(join(folder, name)) ?? [])];
  } catch {
    return undefined;
  }
}
