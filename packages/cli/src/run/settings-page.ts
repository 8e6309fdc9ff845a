import { flagOf, type Setting, settingList, variableOf } from '@lameduck/core';

const head = `<!-- Written by packages/cli/scripts/write-settings-page.ts; change packages/core/src/run-settings-table.ts -->
# Settings of \`lameduck run\`

Each setting can stand in four places; later ones win:

1. its default
2. the settings file: \`lameduck.run.yaml\` (\`.yml\`, \`.json\`, \`.ts\`, \`.js\`, \`.mjs\`) in the working directory, or \`--settings FILE\`
3. the environment: \`LAMEDUCK_\` and the name, and a few that others use (\`WEB_CONCURRENCY\`, \`PORT\`)
4. a flag

\`lameduck run --print-config\` prints every value with its origin (\`--json\` for machines), \`--check-config\` checks what can be
known without a start (not whether an address is free, or a file can be written)
and ends with 0 or 78. A value that cannot be read is an error that names its flag, variable or key, never silently the
default: exit code 2 where only flags are wrong, else 78. A variable that is set to nothing counts as unset; a
variable that is almost the name of a setting (\`LAMEDUCK_WROKERS\`) is one warning. Settings
that contradict each other refuse the start with one message each, exit code 78; defaults of \`linger\` and \`sessionTimeout\` give way.

| deadlines fit | because |
|---|---|
| \`preStopDelay\` < \`timeoutGracefulShutdown\` | it is a part of it |
| \`preStopDelay\` + \`linger\` ≤ \`timeoutGracefulShutdown\`, and the same with \`sessionTimeout\` | they begin with the end of the delay, and the grace period ends every connection |
| \`killMargin\` ≥ 500 ms | a worker that has aborted requests still runs its shutdown hooks in it ([node-apps.md](node-apps.md#start-and-shutdown-hooks)) |
| \`heartbeatTimeout\` ≥ 3 s | workers give a sign of life each second |

Durations are written as \`500ms\`, \`30s\`, \`2m\`, \`1h\`; sizes as \`512KB\`, \`300MB\`, \`2GB\` (powers of 1024). Paths are relative
to the working directory, in a settings file to the folder of that file. A switch that a file or variable has turned on is
turned off by \`--no-NAME\`. In the environment a list has commas.

\`\`\`yaml
# lameduck.run.yaml
entry: ./app.ts
bind: 0.0.0.0:8000
workers: 4
maxRequests: 10000
maxRequestsJitter: 1000
control: run/control.sock
\`\`\`

\`lameduck.run.yaml\` is about one master; \`lameduck.yaml\` is about a whole service with its edges and nodes. A node of kind
\`app\` is started with \`lameduck run\` in its directory, so a settings file there holds for it, too; what \`lameduck.yaml\` says wins.
`;

const hooks = `
## Hooks

In a settings file in TypeScript or JavaScript, \`hooks\` holds functions that the master calls with plain data. They run in
the master's process, so keep them short. An error in a hook is logged and changes nothing; only one in \`onStarting\`
refuses the start (exit code 1).

\`\`\`ts
// lameduck.run.ts
export default {
  entry: './app.ts',
  workers: 4,
  hooks: {
    whenReady: ({ pid, address }) => console.error(\`\${pid} serves \${address}\`),
    workerExit: ({ id, pid, code, signal }) => console.error({ id, pid, code, signal }),
  },
};
\`\`\`

| hook | when | told |
|---|---|---|
| \`onStarting\` | before anything is bound; awaited | \`pid\`, \`entry\`, \`workers\` |
| \`whenReady\` | all first workers are ready | \`pid\`, \`address\` |
| \`preFork\` | before a worker's process is made | \`id\`, \`generation\` |
| \`postFork\` | its process exists | \`id\`, \`generation\`, \`pid\` |
| \`workerReady\` | it serves | \`id\`, \`generation\`, \`pid\` |
| \`workerExit\` | it has ended | \`id\`, \`generation\`, \`pid\`, \`code\`, \`signal\` |
| \`onRecycle\` | it will be replaced for its age or memory | \`id\`, \`generation\`, \`pid\`, \`reason\` |
| \`onReload\` | a reload begins | \`generation\` (of the new workers) |
| \`reloaded\` | a reload has ended | \`generation\` (that serves), \`error\` where it failed |
| \`onExit\` | all workers have left; awaited for 2 s | \`code\` |

The application's own start and end are not hooks: export \`startup()\` and \`shutdown()\` from the entry.

## While developing

\`lameduck run app.ts --reload\` watches the folder of the entry (or each \`--reload-dir\`) and reloads when a file changes: new
workers ready first, no request lost. Saves within 150 ms are one reload. A save that does not start leaves the old code
serving, and its error is in the log. Left out: \`node_modules\`, \`dist\`, \`build\`, \`coverage\`, names with a leading dot, and
files of editors, logs and sockets.
`;

/** The text of docs/settings.md. */
export function settingsPage(): string {
  const groups = new Map<string, string[]>();
  for (const [name, setting] of settingList) {
    const rows = groups.get(setting.group) ?? [];
    groups.set(setting.group, [...rows, row(name, setting)]);
  }
  const tables = [...groups].map(
    ([group, rows]) =>
      `\n## ${group}\n\n| setting | flag | variables | value | default | |\n|---|---|---|---|---|---|\n${rows.join('\n')}\n`,
  );
  return `${head}${tables.join('')}${hooks}`;
}

function row(name: string, setting: Setting<unknown>): string {
  const { type, fallback, short, isFlagless, variables = [], text } = setting;
  const flags = isFlagless === true ? [] : [short, flagOf(name)].filter((flag) => flag !== undefined);
  const names = [variableOf(name), ...variables.map((variable) => variable.name)];
  const shown = type.show(fallback);
  const cells = [
    code(name),
    flags.map(code).join(', '),
    names.map(code).join(', '),
    type.wanted,
    shown,
    text,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}
