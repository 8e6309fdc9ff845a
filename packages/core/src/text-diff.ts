/** Lines around a change that are shown with it. */
const context = 3;
/** Beyond this many pairs of lines to compare, what differs is shown as one block. */
const mostPairs = 4_000_000;

interface Line {
  readonly mark: ' ' | '-' | '+';
  readonly text: string;
}

/** What changes from one text to the other, as `diff -u` shows it without its file names; empty where nothing does. */
export function diffText(before: string, after: string): string {
  if (before === after) return '';
  const lines = diffLines(splitLines(before), splitLines(after));
  return hunksOf(lines).join('\n');
}

function splitLines(text: string): readonly string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

function diffLines(before: readonly string[], after: readonly string[]): readonly Line[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1;
  let tail = 0;
  const most = Math.min(before.length, after.length) - head;
  while (tail < most && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  const same = (text: string): Line => ({ mark: ' ', text });
  return [
    ...before.slice(0, head).map(same),
    ...diffMiddle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(same),
  ];
}

/** The longest common subsequence; includes have few lines that differ. */
function diffMiddle(before: readonly string[], after: readonly string[]): readonly Line[] {
  const minus = (text: string): Line => ({ mark: '-', text });
  const plus = (text: string): Line => ({ mark: '+', text });
  if (before.length * after.length > mostPairs) return [...before.map(minus), ...after.map(plus)];
  const common = commonLengths(before, after);
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const [old, fresh] = [before[i], after[j]];
    if (old !== undefined && old === fresh) {
      lines.push({ mark: ' ', text: old });
      i += 1;
      j += 1;
    } else if (old !== undefined && (fresh === undefined || at(common, i + 1, j) >= at(common, i, j + 1))) {
      lines.push(minus(old));
      i += 1;
    } else {
      lines.push(plus(fresh ?? ''));
      j += 1;
    }
  }
  return lines;
}

function commonLengths(before: readonly string[], after: readonly string[]): readonly (readonly number[])[] {
  const rows: number[][] = Array.from({ length: before.length + 1 }, () => []);
  for (let i = before.length - 1; i >= 0; i -= 1) {
    const row = rows[i] as number[];
    for (let j = after.length - 1; j >= 0; j -= 1) {
      row[j] =
        before[i] === after[j] ? at(rows, i + 1, j + 1) + 1 : Math.max(at(rows, i + 1, j), row[j + 1] ?? 0);
    }
  }
  return rows;
}

function at(rows: readonly (readonly number[])[], i: number, j: number): number {
  return rows[i]?.[j] ?? 0;
}

function hunksOf(lines: readonly Line[]): readonly string[] {
  const isShown = lines.map((_, index) =>
    lines.slice(Math.max(0, index - context), index + context + 1).some(({ mark }) => mark !== ' '),
  );
  const shown: string[] = [];
  let old = 0;
  let fresh = 0;
  for (const [index, { mark, text }] of lines.entries()) {
    if (isShown[index] === true) {
      if (isShown[index - 1] !== true) shown.push(`@@ -${old + 1} +${fresh + 1} @@`);
      shown.push(`${mark}${text}`);
    }
    if (mark !== '+') old += 1;
    if (mark !== '-') fresh += 1;
  }
  return shown;
}
