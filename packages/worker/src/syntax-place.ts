import { fileURLToPath } from 'node:url';
import { describeThrown } from './worker-error.ts';

/** A place in a source file, and the line with a mark under it; where the end of the file comes too early, its line alone. */
interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly column?: number;
  readonly frame: readonly [source: string, mark: string] | readonly [];
}

/** A bundle has all of its code in one line. */
const longestLine = 160;
const repliesWithinMs = 1000;

/**
 * What was thrown, for the message of a process that cannot start. Of a module that does not parse or link, the file,
 * the place in it and the line are told, too, and its stack gets them; for other errors the stack tells where.
 */
export async function describeFailure(thrown: unknown): Promise<string> {
  const place = await findPlace(thrown);
  if (place === undefined) return describeThrown(thrown);
  const { file, line, column, frame } = place;
  return [
    `${describeThrown(thrown)} in ${[file, line, ...(column === undefined ? [] : [column])].join(':')}`,
    ...frame.map((text) => `    ${text}`),
  ].join('\n');
}

async function findPlace(thrown: unknown): Promise<SourcePlace | undefined> {
  if (!(thrown instanceof Error) || thrown.name !== 'SyntaxError') return undefined;
  const stack = String(thrown.stack);
  const told = readPlace(stack);
  // Thrown by the loader, not by `new RegExp` or `JSON.parse` in a module that runs.
  if (told !== undefined || !/^\s+at .*\(node:internal\/modules\//m.test(firstFrame(stack))) return told;
  const place = readPlace(await printed(thrown));
  if (place !== undefined) {
    const { file, line, frame } = place;
    Object.defineProperty(thrown, 'stack', { value: [`${file}:${line}`, ...frame, '', stack].join('\n') });
  }
  return place;
}

function firstFrame(stack: string): string {
  return stack.split('\n').find((line) => /^\s+at /.test(line)) ?? '';
}

/** `FILE:LINE`, the line, and a mark under it, as Node puts them before the stack of a CommonJS or TypeScript module. */
function readPlace(text: string): SourcePlace | undefined {
  const lines = text.split('\n');
  const [, name = '', line] = /^(.+):(\d+)$/.exec(lines[0] ?? '') ?? [];
  const mark = lines.findIndex((one) => /^\s*\^+\s*$/.test(one));
  if (line === undefined) return undefined;
  const file = name.startsWith('file:') ? fileURLToPath(name) : name;
  // Nothing stands where the file has ended, nor under it.
  const isAtEnd = lines[1]?.trim() === '' && lines[2]?.trim() === '';
  if (mark < 2) return isAtEnd ? { file, line: Number(line), frame: [] } : undefined;
  const column = lines[mark]?.indexOf('^') ?? 0;
  return {
    file,
    line: Number(line),
    column: column + 1,
    frame: clipped(lines[mark - 1] ?? '', lines[mark] ?? '', column),
  };
}

function clipped(source: string, mark: string, column: number): readonly [string, string] {
  if (source.length <= longestLine) return [source, mark.trimEnd()];
  const from = Math.max(0, column - longestLine / 2);
  const clip = (text: string): string => text.slice(from, from + longestLine).trimEnd();
  return [clip(source), clip(mark)];
}

/**
 * An error as Node prints it. Where an ES module does not parse, Node keeps the place beside the error for whoever
 * prints it at the end of the process, and no stack, property or inspector tells the file (Node 20 to 26). A REPL
 * prints errors in the same way, so it is asked; the place is missing where it does not answer.
 */
async function printed(error: Error): Promise<string> {
  const [{ start }, { PassThrough }] = await Promise.all([import('node:repl'), import('node:stream')]);
  const [input, output] = [new PassThrough(), new PassThrough()];
  return new Promise((resolve) => {
    let text = '';
    const repl = start({
      input,
      output,
      prompt: '',
      eval: (_code, _context, _file, tell) => tell(error, undefined),
    });
    const end = (): void => {
      clearTimeout(timer);
      repl.close();
      resolve(text);
    };
    const timer = setTimeout(end, repliesWithinMs);
    output.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('SyntaxError')) end();
    });
    input.write('0\n');
  });
}
