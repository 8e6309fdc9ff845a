import { execFile } from 'node:child_process';
import { pathToFileURL } from 'node:url';

const checkMs = 10_000;

/** Why a module could not be imported. */
export interface ModuleError {
  /** `file:line` or `file:line:column`, as far as Node tells. */
  readonly place: string | undefined;
  readonly reason: string;
}

/** What Node says of a module that cannot be imported, with the place in it or in a module that it imports. */
export async function describeModuleError(file: string, thrown: unknown): Promise<ModuleError> {
  if (!(thrown instanceof Error)) return { place: undefined, reason: String(thrown) };
  const { message, stack = '' } = thrown;
  const isSyntax = thrown.name === 'SyntaxError';
  const text = isSyntax && headOf(stack) === undefined ? await importAlone(file) : stack;
  return { place: headOf(text) ?? frameOf(text, file), reason: message };
}

/** TypeScript that cannot be stripped has its place above the error, and so has what a program says that ends by it. */
function headOf(text: string): string | undefined {
  return /^(?:file:\/\/)?(\/.*:\d+)$/m.exec(text.split(/^\w*Error\b/m)[0] ?? '')?.[1];
}

/** The nearest call in the file itself. */
function frameOf(stack: string, file: string): string | undefined {
  const url = pathToFileURL(file).href;
  const at = stack.indexOf(`${url}:`);
  const place = at < 0 ? undefined : /^:(\d+:\d+)/.exec(stack.slice(at + url.length))?.[1];
  return place === undefined ? undefined : `${file}:${place}`;
}

/**
 * An error in the syntax of JavaScript is thrown without its place, which only a program that ends by it shows. Nothing runs
 * there: modules of which one cannot be read are not run at all.
 */
async function importAlone(file: string): Promise<string> {
  const program = `import ${JSON.stringify(pathToFileURL(file).href)};`;
  const words = ['--input-type=module', '--eval', program];
  return await new Promise((resolve) => {
    execFile(process.execPath, words, { timeout: checkMs }, (_problem, _stdout, stderr) => resolve(stderr));
  });
}
