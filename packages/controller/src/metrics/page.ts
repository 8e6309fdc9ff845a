/** One metric: its name, what it is, and what its labels are called. */
export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
}

/** Counts by bucket, the last one for what exceeds every bound. */
export interface Buckets {
  /** Upper bounds, in the unit of the metric. */
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Media type of a page. */
export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * A page in Prometheus' text format. Written here and not by prom-client, which takes 100 ms of the event loop for the
 * 25,000 lines of 500 nodes behind 10 edges, ten times as long.
 */
export class MetricsPage {
  readonly #lines = new Map<Family, string[]>();

  add(family: Family, labels: readonly string[], value: number): void {
    this.#linesOf(family).push(`${family.name}${labelText(family.labels, labels)} ${numberText(value)}`);
  }

  addHistogram(family: Family, labels: readonly string[], { bounds, counts, sum }: Buckets): void {
    const lines = this.#linesOf(family);
    const own = labelText(family.labels, labels);
    const open = own === '' ? '{' : `${own.slice(0, -1)},`;
    let total = 0;
    for (const [place, bound] of bounds.entries()) {
      total += counts[place] ?? 0;
      lines.push(`${family.name}_bucket${open}le="${bound}"} ${total}`);
    }
    total += counts[bounds.length] ?? 0;
    lines.push(
      `${family.name}_bucket${open}le="+Inf"} ${total}`,
      `${family.name}_sum${own} ${numberText(sum)}`,
      `${family.name}_count${own} ${total}`,
    );
  }

  toString(): string {
    const parts: string[] = [];
    for (const [{ name, type, help }, lines] of this.#lines) {
      parts.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines);
    }
    return `${parts.join('\n')}\n`;
  }

  #linesOf(family: Family): string[] {
    const found = this.#lines.get(family);
    if (found !== undefined) return found;
    const lines: string[] = [];
    this.#lines.set(family, lines);
    return lines;
  }
}

function labelText(names: readonly string[], values: readonly string[]): string {
  if (names.length === 0) return '';
  let text = '{';
  for (let place = 0; place < names.length; place += 1) {
    text += `${place === 0 ? '' : ','}${names[place]}="${escaped(values[place] ?? '')}"`;
  }
  return `${text}}`;
}

function escaped(value: string): string {
  if (!/[\\"\n]/.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}
