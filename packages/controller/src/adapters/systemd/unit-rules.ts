import { formatMs } from '@lameduck/core';
import { parseTimeMs, type Unit } from './unit.ts';

/** What a unit says that does not go with what lameduck does. */
export interface UnitFinding {
  readonly level: 'note' | 'warning';
  /** Stable name of the rule. */
  readonly rule: string;
  readonly text: string;
  /** What to write instead. */
  readonly fix: string;
}

export interface UnitLimits {
  readonly timeoutGracefulShutdownMs: number;
  readonly marginMs: number;
  readonly startupMs: number;
}

type Rule = (unit: Unit, limits: UnitLimits) => UnitFinding | undefined;

/** All findings for a unit that is loaded. */
export function judgeUnit(unit: Unit, limits: UnitLimits): readonly UnitFinding[] {
  return rules.map((rule) => rule(unit, limits)).filter((finding) => finding !== undefined);
}

const stopTime: Rule = ({ TimeoutStopUSec }, { timeoutGracefulShutdownMs, marginMs }) => {
  const ms = parseTimeMs(TimeoutStopUSec);
  const needed = timeoutGracefulShutdownMs + marginMs;
  if (ms === undefined || ms === 0 || ms >= needed) return undefined;
  return {
    level: 'warning',
    rule: 'TimeoutStopSec',
    text: `TimeoutStopSec is ${formatMs(ms)}, less than timeoutGracefulShutdown and margin together (${formatMs(needed)}): systemd would kill requests that still have time`,
    fix: `TimeoutStopSec=${Math.ceil(needed / 1000)}s`,
  };
};

const killMode: Rule = ({ KillMode }) => {
  if (KillMode === 'control-group') {
    return {
      level: 'warning',
      rule: 'KillMode',
      text: 'KillMode is control-group: workers get SIGTERM from systemd and from their master, and servers that take the second one as "at once" (Gunicorn) cut requests',
      fix: 'KillMode=mixed',
    };
  }
  if (KillMode !== 'process' && KillMode !== 'none') return undefined;
  return {
    level: 'note',
    rule: 'KillMode',
    text: `KillMode is ${KillMode}: workers that outlive their master are never killed, and keep its port; those of "lameduck run" end what they have and leave by themselves`,
    fix: 'KillMode=mixed, unless the unit runs "lameduck run"',
  };
};

const killSignal: Rule = ({ KillSignal }) => {
  // 15 is how systemd shows SIGTERM
  if (KillSignal === '' || KillSignal === '15') return undefined;
  return {
    level: 'warning',
    rule: 'KillSignal',
    text: `KillSignal is signal ${KillSignal}, not SIGTERM: to Gunicorn and others SIGQUIT and SIGINT mean a quick stop`,
    fix: 'KillSignal=SIGTERM',
  };
};

const sendKill: Rule = ({ SendSIGKILL }) =>
  SendSIGKILL === 'no'
    ? {
        level: 'note',
        rule: 'SendSIGKILL',
        text: 'SendSIGKILL is no: only lameduck kills what hangs, and nobody where systemd stops the unit by itself',
        fix: 'SendSIGKILL=yes',
      }
    : undefined;

const restart: Rule = ({ Restart }) =>
  Restart === 'no'
    ? {
        level: 'note',
        rule: 'Restart',
        text: 'Restart is no: a node that dies stays stopped, for lameduck leaves that to systemd',
        fix: 'Restart=on-failure',
      }
    : undefined;

const startTime: Rule = ({ Type, TimeoutStartUSec }, { startupMs }) => {
  const ms = parseTimeMs(TimeoutStartUSec);
  if (!Type.startsWith('notify') || ms === undefined || ms === 0 || ms >= startupMs) return undefined;
  return {
    level: 'note',
    rule: 'TimeoutStartSec',
    text: `TimeoutStartSec is ${formatMs(ms)}, less than startup.timeout (${formatMs(startupMs)}): systemd gives up first`,
    fix: `TimeoutStartSec=${Math.ceil(startupMs / 1000)}s`,
  };
};

const oneShot: Rule = ({ Type }) =>
  Type === 'oneshot'
    ? {
        level: 'warning',
        rule: 'Type',
        text: 'Type is oneshot: such a unit has no main process that lameduck could find',
        fix: 'Type=exec',
      }
    : undefined;

const activated: Rule = ({ TriggeredBy }) =>
  /\.socket\b/.test(TriggeredBy)
    ? {
        level: 'warning',
        rule: 'TriggeredBy',
        text: `${TriggeredBy} starts the unit with the next connection: after "lameduck stop" a health check is enough`,
        fix: 'a unit without a socket unit',
      }
    : undefined;

const stale: Rule = ({ NeedDaemonReload }) =>
  NeedDaemonReload === 'yes'
    ? {
        level: 'note',
        rule: 'NeedDaemonReload',
        text: 'the unit file has changed since systemd has read it',
        fix: 'systemctl daemon-reload',
      }
    : undefined;

const rules: readonly Rule[] = [
  stopTime,
  killMode,
  killSignal,
  sendKill,
  restart,
  startTime,
  oneShot,
  activated,
  stale,
];
