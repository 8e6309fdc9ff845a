const enter = '\u001B[?1049h\u001B[?25l';
const leave = '\u001B[?25h\u001B[?1049l';
const home = '\u001B[H';
const clearRight = '\u001B[K';
const clearBelow = '\u001B[J';

/** The whole terminal, until it is left; keys come as they are pressed. */
export interface Terminal {
  readonly size: { readonly columns: number; readonly rows: number };
  draw(lines: readonly string[]): void;
  /** Back to what was there before. May be called twice. */
  close(): void;
}

/** What is pressed quickly comes in one piece; an arrow and its like is one key that begins with Escape. */
function splitKeys(text: string): readonly string[] {
  return text.startsWith('\u001B') ? [text] : [...text];
}

/** Takes the terminal over: `onKey` for each key, `onResize` when it has another size. */
export function openTerminal(onKey: (key: string) => void, onResize: () => void): Terminal {
  const { stdin, stdout } = process;
  const hear = (data: Buffer): void => {
    for (const key of splitKeys(data.toString())) onKey(key);
  };
  let isOpen = true;
  stdout.write(enter);
  stdout.on('resize', onResize);
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    stdin.on('data', hear);
  }
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    stdout.off('resize', onResize);
    stdin.off('data', hear);
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
    stdout.write(leave);
    process.off('exit', close);
  };
  process.on('exit', close);
  return {
    get size() {
      return { columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 };
    },
    // what is there is written over, not cleared first: nothing flickers
    draw: (lines) => {
      if (isOpen) stdout.write(home + lines.map((line) => line + clearRight).join('\r\n') + clearBelow);
    },
    close,
  };
}
