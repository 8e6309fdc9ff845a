import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { projectRoot } from './service-config.ts';

/** Why tests with a terminal cannot run here; false where they can. */
export const noTerminal: string | false =
  spawnSync('script', ['--version']).error === undefined ? false : 'no script(1) here to make a terminal';

/** The real program in a terminal of its own. */
export interface TerminalRun {
  /** Everything that the terminal was given, of a long run its end. */
  text(): string;
  resize(columns: number, rows: number): void;
  press(keys: string): void;
  ended(): Promise<number | null>;
}

export interface TerminalOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Of the shell, behind the command: `> file`. */
  readonly redirection?: string;
}

const opened: ChildProcess[] = [];
/** What the machine that runs the tests wishes is not what they ask about. */
const unset = ['NO_COLOR', 'FORCE_COLOR', 'NODE_DISABLE_COLORS', 'CI'];

/** What the program finds around it: a terminal that knows colours, where it finds a terminal. */
export function terminalEnvironment(own: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !unset.includes(name));
  return { ...Object.fromEntries(inherited), TERM: 'xterm-256color', ...own };
}

/** Told first is which terminal it is (120 columns, 30 rows), and last how it was left. */
export function runInTerminal(
  folder: string,
  args: readonly string[],
  { environment, redirection = '' }: TerminalOptions = {},
): TerminalRun {
  const launcher = join(projectRoot, 'packages', 'cli', 'bin', 'lameduck.cjs');
  const words = [process.execPath, launcher, ...args].map((word) => `'${word}'`).join(' ');
  const command = `tty; stty cols 120 rows 30; ${words} ${redirection}; code=$?; stty -a; exit $code`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: folder,
    env: terminalEnvironment(environment),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-100_000);
  });
  const closed = once(child, 'close');
  opened.push(child);
  return {
    text: () => text,
    resize(columns, rows) {
      const [terminal = ''] = /\/dev\/\S+/.exec(text) ?? [];
      const sizes = ['cols', `${columns}`, 'rows', `${rows}`];
      assert.equal(spawnSync('stty', ['-F', terminal, ...sizes]).status, 0, terminal);
    },
    press: (keys) => void child.stdin.write(keys),
    ended: async () => (await closed)[0] as number | null,
  };
}

/** Ends what a test that failed has left. */
export function closeTerminals(): void {
  for (const child of opened.splice(0)) child.kill();
}
