import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Where a command writes: the document to stdout, what accompanies it to stderr. */
export interface Screen {
  readonly isJson: boolean;
  /** Live steps and colours are for people: only where stderr is a terminal and no JSON was asked for. */
  readonly isLive: boolean;
  print(text: string): void;
  note(text: string): void;
  json(document: unknown): void;
  paint(style: Style, text: string): string;
}

/** Whether somebody sees it who can be shown more than lines: a dumb terminal moves no cursor. */
export function isTerminal(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && process.env['TERM'] !== 'dumb';
}

export function createScreen(isJson: boolean): Screen {
  const isLive = !isJson && isTerminal(process.stderr);
  return {
    isJson,
    isLive,
    print: (text) => void process.stdout.write(`${text}\n`),
    note: (text) => void process.stderr.write(`${text}\n`),
    json: (document) => void process.stdout.write(`${JSON.stringify(document)}\n`),
    // styleText itself honours NO_COLOR, FORCE_COLOR and a stream that is no terminal
    paint: (style, text) => styleText(style, text, { stream: process.stdout }),
  };
}
