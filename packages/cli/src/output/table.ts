import { stripVTControlCharacters } from 'node:util';

/** Rows as aligned columns, two spaces apart; colours do not count as width. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, stripVTControlCharacters(cell).length);
    }
  }
  return rows.map((row) => formatRow(row, widths)).join('\n');
}

function formatRow(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, index) => {
    const width = widths[index] ?? 0;
    return cell + ' '.repeat(width - stripVTControlCharacters(cell).length);
  });
  return cells.join('  ').trimEnd();
}
