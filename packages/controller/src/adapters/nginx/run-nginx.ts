import { execFile } from 'node:child_process';
import { LameduckError } from '@lameduck/core';

/** The end of one nginx command. */
export interface NginxRun {
  readonly isOk: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** The nginx program with the arguments that every command of one edge shares. */
export interface NginxCommand {
  readonly binary: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const runDeadlineMs = 30_000;
const maxOutputBytes = 64 * 1024 * 1024;

/** Runs nginx to its end, at most 30 s. Throws `binaryMissing` where there is no such program. */
export async function runNginx(command: NginxCommand, extra: readonly string[]): Promise<NginxRun> {
  const options = { env: command.environment, timeout: runDeadlineMs, maxBuffer: maxOutputBytes };
  return await new Promise((resolve, reject) => {
    execFile(command.binary, [...command.arguments, ...extra], options, (problem, stdout, stderr) => {
      if (problem?.code === 'ENOENT' || problem?.code === 'EACCES') reject(missing(command.binary, problem));
      else resolve({ isOk: problem === null, stdout, stderr: stderr || (problem?.message ?? '') });
    }).stdin?.end();
  });
}

function missing(binary: string, cause: Error): LameduckError {
  const message = `Cannot run nginx "${binary}": an nginx program must be there (Debian: apt-get install nginx libnginx-mod-http-lua; or set LAMEDUCK_NGINX): current value is not executable`;
  return new LameduckError('binaryMissing', message, { binary }, cause);
}

/** The line that tells why nginx refused, without its time and process: `[emerg]` first, else the last line. */
export function refusalLine(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const line = lines.find((one) => one.includes('[emerg]')) ?? lines.at(-1) ?? 'no message';
  return line.trim().replace(/^[\d/]+ [\d:]+ (\[\w+\]) \d+#\d+: /, '$1 ');
}
