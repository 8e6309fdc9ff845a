/** The samples of a page in Prometheus' text format. */
export function readPage(text: string): ReadonlyMap<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const space = line.lastIndexOf(' ');
    const name = line.slice(0, space);
    if (samples.has(name)) throw new Error(`twice: ${name}`);
    samples.set(name, Number(line.slice(space + 1)));
  }
  return samples;
}

export function sampleOf(page: ReadonlyMap<string, number>, sample: string): number | undefined {
  return page.get(sample);
}
