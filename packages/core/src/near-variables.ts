import { settingList, variableOf } from './run-settings-table.ts';

/** A variable that sets nothing, and the one that was probably meant. */
export interface NearVariable {
  readonly name: string;
  readonly meant: string;
}

const prefix = 'LAMEDUCK_';

/**
 * Variables whose names are almost those of settings: `LAMEDUCK_WROKERS`. Any other `LAMEDUCK_*` may belong to another
 * part, or to whoever starts it.
 */
export function nearVariables(
  environment: Readonly<Record<string, string | undefined>>,
): readonly NearVariable[] {
  const known = settingList.map(([name]) => variableOf(name));
  return Object.keys(environment)
    .filter((name) => name.toUpperCase().startsWith(prefix) && !known.includes(name))
    .flatMap((name) => {
      const nearest = known
        .map((meant) => ({ meant, distance: distanceOf(name.toUpperCase(), meant) }))
        .toSorted((a, b) => a.distance - b.distance)[0];
      const most = name.length - prefix.length < 6 ? 1 : 2;
      return nearest !== undefined && nearest.distance <= most ? [{ name, meant: nearest.meant }] : [];
    });
}

/** Letters left out, added, changed, or swapped with their neighbour. */
function distanceOf(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  for (let row = 1; row <= a.length; row += 1) {
    const line = [row];
    rows.push(line);
    for (let column = 1; column <= b.length; column += 1) {
      const isSame = a[row - 1] === b[column - 1];
      const isSwapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      line[column] = Math.min(
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + (isSame ? 0 : 1),
        isSwapped ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
  }
  return at(a.length, b.length);
}
