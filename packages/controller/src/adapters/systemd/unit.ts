/** What is asked of a unit, by its name in systemd. */
export const shownProperties = [
  'LoadState',
  'ActiveState',
  'Result',
  'MainPID',
  'ExecMainStatus',
  'ControlGroup',
  'InvocationID',
  'NRestarts',
  'NeedDaemonReload',
  'Type',
  'Restart',
  'KillMode',
  'KillSignal',
  'SendSIGKILL',
  'TimeoutStartUSec',
  'TimeoutStopUSec',
  'TriggeredBy',
] as const;

export type Unit = Readonly<Record<(typeof shownProperties)[number], string>>;

/** Reads `systemctl show`: one `Name=value` a line; what it does not name is empty. */
export function parseUnit(text: string): Unit {
  const lines = text.split('\n').map((line) => line.split('='));
  const found = new Map(lines.map(([name = '', ...value]) => [name, value.join('=')]));
  return Object.fromEntries(shownProperties.map((name) => [name, found.get(name) ?? ''])) as Unit;
}

const units: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  month: 2_629_800_000,
  y: 31_557_600_000,
};

/** `1min 30s` as systemd shows times, in milliseconds; infinite for `infinity`, `undefined` for what is none. */
export function parseTimeMs(text: string): number | undefined {
  if (text === 'infinity') return Number.POSITIVE_INFINITY;
  const parts = text.split(' ').map((part) => /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(part));
  let sum = 0;
  for (const part of parts) {
    const unit = units[part?.[2] ?? ''];
    if (unit === undefined) return undefined;
    sum += Number(part?.[1]) * unit;
  }
  return sum;
}

/** Whether the unit has begun to end, or has ended. */
export function isEnding({ ActiveState }: Unit): boolean {
  return ActiveState === 'deactivating' || hasEnded({ ActiveState });
}

/** Whether nothing of the unit is left, as far as systemd looks after it. */
export function hasEnded({ ActiveState }: Pick<Unit, 'ActiveState'>): boolean {
  return ActiveState === 'inactive' || ActiveState === 'failed';
}

/** 0 where there is none. */
export function mainPid({ MainPID }: Pick<Unit, 'MainPID'>): number {
  return Number(MainPID) || 0;
}
