/** What an existing set-up tells, in the words of `lameduck.yaml`; what it does not tell is left out. */
export interface Draft {
  readonly service?: string;
  readonly edges?: readonly object[];
  readonly nodes: readonly NodeDraft[];
  readonly balance?: string;
  readonly shutdown?: { readonly timeoutGracefulShutdown: string };
  readonly startup?: { readonly timeout: string };
  /** What could not be carried over and why, each a line. */
  readonly notes: readonly string[];
  /** What is to be done next, before `lameduck check`. */
  readonly steps: readonly string[];
  /** What is to be done once `lameduck up` runs. */
  readonly later?: readonly string[];
}

/** A node as it is written; without a kind where nobody told how it is run. */
export interface NodeDraft {
  readonly name: string;
  readonly address: string;
  readonly weight?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly directory?: string;
  readonly user?: string;
  readonly group?: string;
  readonly log?: { readonly file: string };
  readonly app?: object;
  readonly gunicorn?: object;
  readonly process?: object;
}

/** `a` … `z`, then `n27` …: the names that the documentation uses. */
export function nodeName(index: number): string {
  return index < 26 ? String.fromCharCode(97 + index) : `n${index + 1}`;
}

/** The text as a name: lower-case letters, digits and dashes. */
export function toName(text: string, otherwise: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 48)
    .replace(/-+$/, '');
  return name === '' ? otherwise : name;
}

/** Milliseconds as the configuration writes them. */
export function toDuration(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${Math.round(ms)}ms`;
}

/** The pairs that can be an environment; a note for each that cannot. */
export function toEnvironment(
  values: unknown,
  where: string,
): { readonly env: Readonly<Record<string, string>>; readonly notes: readonly string[] } {
  const env: Record<string, string> = {};
  const notes: string[] = [];
  const pairs = typeof values === 'object' && values !== null ? Object.entries(values) : [];
  for (const [name, value] of pairs) {
    const isPlain = ['string', 'number', 'boolean'].includes(typeof value);
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && isPlain && !String(value).includes('\0'))
      env[name] = String(value);
    else notes.push(`${where} ${name}: not a name and a plain value`);
  }
  return { env, notes };
}
