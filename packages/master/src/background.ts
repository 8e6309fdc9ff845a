import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Logger } from 'pino';

/** Where the CPU is never idle, a start must go on all the same. */
const mostMs = 1000;
/** A tool that hangs holds nothing up for longer. */
const toolMs = 500;
const tries = 3;

/** As in `struct task_struct`, and in the 41st field of /proc/PID/stat. */
const normalPolicy = 0;
const idlePolicy = 5;

/** A process in the background. */
export interface Background {
  /** Resolves when all its threads run as those of others do. */
  end(): Promise<void>;
}

/** Prints where `chrt` is, if it can lower a process and lift it again. */
const probe =
  'chrt=$(command -v chrt) && "$chrt" -i 0 sh -c "exec $chrt -a -o -p 0 \\$\\$" >&2 && echo "$chrt"';

let isLooking = false;
/** Empty until it is known, and where there is none. */
let tool = '';

/**
 * The words before a command that make it run while the CPU has nothing else to do (SCHED_IDLE), until it is lifted:
 * whoever waits for an answer of the workers that serve does not wait for the start of another one as well. Node has no
 * call for that; `chrt` of util-linux has. To leave that class again is a privilege (root, CAP_SYS_NICE or RLIMIT_NICE),
 * so the first call tries it. None before that is known, where it is not given, and elsewhere than on Linux.
 */
export function backgroundWords(): readonly string[] {
  if (!isLooking) {
    isLooking = true;
    void look();
  }
  return tool === '' ? [] : [tool, '-i', '0'];
}

async function look(): Promise<void> {
  if (process.platform !== 'linux' || policies(process.pid).some((policy) => policy !== normalPolicy)) return;
  const path = (await run('sh', '-c', probe)).trim();
  if (path.startsWith('/')) tool = path;
}

/** Lifts a process that was started in the background: on `end`, or after a second. */
export function followBackground(pid: number, logger: Logger): Background {
  let ended: Promise<void> | undefined;
  const end = (): Promise<void> => {
    clearTimeout(timer);
    ended ??= lift(pid, logger);
    return ended;
  };
  const timer = setTimeout(end, mostMs).unref();
  return { end };
}

/** A thread may have been made, in the old class, while the tool went through them. */
async function lift(pid: number, logger: Logger): Promise<void> {
  for (let turn = 0; turn < tries; turn += 1) {
    await run(tool, '-a', '-o', '-p', '0', String(pid));
    if (!policies(pid).includes(idlePolicy)) return;
  }
  logger.error({ pid }, 'worker stays in the background');
}

/** What it prints; nothing where it fails. */
function run(program: string, ...words: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, words, { timeout: toolMs }, (error, output) => resolve(error === null ? output : ''));
  });
}

/** Of each thread; of none where the process is gone. */
function policies(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) => policyOf(`/proc/${pid}/task/${thread}/stat`));
  } catch {
    return [];
  }
}

/** A thread that has just ended has the class of all others. */
function policyOf(path: string): number {
  try {
    const text = readFileSync(path, 'utf8');
    // The name before the other fields may hold anything, parentheses too.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return Number(fields[38]);
  } catch {
    return normalPolicy;
  }
}
