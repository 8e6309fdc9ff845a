import type { CommandWords } from './describe-program.ts';

/** The manual page of the program, as roff. */
export function manPage(version: string, commands: readonly CommandWords[], exitCodes: string): string {
  return `.\\" Written by packages/cli/scripts/write-man-page.ts: do not edit.
.TH LAMEDUCK 1 "" "lameduck ${version}" "User Commands"
.SH NAME
lameduck \\- takes service nodes out of service and brings them back without losing one request
.SH SYNOPSIS
.B lameduck
.I COMMAND
[options]
.SH COMMANDS
${commands.map(commandText).join('\n')}
.SH EXIT STATUS
${exitCodes
  .trim()
  .split('\n')
  .slice(1)
  .flatMap((line) => line.trim().split(' · '))
  .map((line) => `.TP\n.B ${roff(line.split(' ')[0] ?? '')}\n${roff(line.split(' ').slice(1).join(' '))}`)
  .join('\n')}
.SH ENVIRONMENT
.TP
.B LAMEDUCK_URL
A daemon that listens on TCP, as \\-\\-url.
.TP
.B LAMEDUCK_TOKEN
The token for it, where there is no \\-\\-token\\-file.
.TP
.B NO_COLOR
Where it is set there are no colours.
.SH FILES
.TP
.I lameduck.yaml
The configuration, in the working folder or one above it.
.TP
.I .lameduck/
State: the store, logs, sockets.
`;
}

function commandText({ name, usage, description, options }: CommandWords): string {
  const head = `.SS "${roff(`lameduck ${name} ${usage.replace(/^\[options\] ?/, '')}`.trim())}"\n${roff(description)}`;
  const rows = options.map(({ flags, description: text }) => `.TP\n.B ${roff(flags)}\n${roff(text)}`);
  return [head, ...rows].join('\n');
}

/** Dashes as they are typed, no line that begins as a request. */
function roff(text: string): string {
  return text
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(/"/g, '\\(dq')
    .replace(/^([.'])/gm, '\\&$1');
}
