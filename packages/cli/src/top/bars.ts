const eighths = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const levels = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** A bar of this width, filled to an eighth of a character; something that is not nothing is seen. */
export function formatBar(value: number, most: number, width: number): string {
  if (value <= 0 || most <= 0) return ' '.repeat(width);
  const filled = Math.max(1, Math.min(width * 8, Math.round((value / most) * width * 8)));
  const whole = '█'.repeat(Math.floor(filled / 8));
  const part = filled % 8 === 0 ? '' : (eighths[filled % 8] ?? '');
  return (whole + part).padEnd(width);
}

/** A curve, the newest value on the right. */
export function formatCurve(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const most = Math.max(1, ...shown);
  return shown
    .map((value) => levels[Math.min(7, Math.round((value / most) * 7))])
    .join('')
    .padStart(width);
}
