/* How numbers and times are written: short, always the same width where they change, never a unit left out. */

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`, `4 d 3 h`: two units at most, for a time that goes on. */
export function formatAge(ms: number): string {
  const value = Math.max(0, ms);
  if (value < 10 * second) return `${(Math.floor(value / 100) / 10).toFixed(1)} s`;
  if (value < minute) return `${Math.floor(value / second)} s`;
  if (value < hour) return pair(value, minute, 'min', second, 's');
  if (value < day) return pair(value, hour, 'h', minute, 'min');
  return pair(value, day, 'd', hour, 'h');
}

function pair(ms: number, big: number, bigName: string, small: number, smallName: string): string {
  const whole = Math.floor(ms / big);
  const rest = Math.floor((ms % big) / small);
  return `${whole} ${bigName} ${String(rest).padStart(2, '0')} ${smallName}`;
}

/** The same for tight places: `12 s`, `3 min`, `2 h`, `4 d`. */
export function formatShortAge(ms: number): string {
  const value = Math.max(0, ms);
  if (value < minute) return `${Math.floor(value / second)} s`;
  if (value < hour) return `${Math.floor(value / minute)} min`;
  if (value < day) return `${Math.floor(value / hour)} h`;
  return `${Math.floor(value / day)} d`;
}

/** A duration that was measured: `0.4 ms`, `38 ms`, `1.6 s`, `2 min 05 s`. */
export function formatMs(ms: number): string {
  if (ms < 10) return `${Math.round(ms * 10) / 10} ms`;
  if (ms < second) return `${Math.round(ms)} ms`;
  if (ms < 10 * second) return `${(ms / second).toFixed(1)} s`;
  if (ms < minute) return `${Math.round(ms / second)} s`;
  return pair(ms, minute, 'min', second, 's');
}

/** `7`, `128`, `1,204`, `12.4k`, `3.1M`. */
export function formatCount(value: number): string {
  if (value < 10_000) return Math.round(value).toLocaleString('en');
  if (value < 1_000_000) return `${(value / 1000).toFixed(value < 100_000 ? 1 : 0)}k`;
  return `${(value / 1_000_000).toFixed(1)}M`;
}

export function formatBytes(value: number): string {
  if (value < 1024 * 1024) return `${Math.round(value / 1024)} KiB`;
  if (value < 1024 ** 3) return `${Math.round(value / 1024 ** 2)} MiB`;
  return `${(value / 1024 ** 3).toFixed(1)} GiB`;
}

/** `1 node`, `3 nodes`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** `a`, `a and b`, `a, b and 3 more`. */
export function listNames(names: readonly string[], most = 3): string {
  if (names.length === 0) return '';
  if (names.length > most) {
    return `${names.slice(0, most - 1).join(', ')} and ${names.length - most + 1} more`;
  }
  const last = names.at(-1) ?? '';
  return names.length === 1 ? last : `${names.slice(0, -1).join(', ')} and ${last}`;
}

/** The instant that an API field names, as ISO text or in milliseconds; `undefined` for what is neither. */
export function toMs(at: string | number | undefined): number | undefined {
  if (at === undefined) return undefined;
  const ms = typeof at === 'number' ? at : Date.parse(at);
  return Number.isFinite(ms) ? ms : undefined;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** `21:04:09`, in the reader's time zone. */
export function formatClock(ms: number): string {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `22 Nov 21:04:09`, or the clock alone on the day of `nowMs`. */
export function formatInstant(ms: number, nowMs: number): string {
  const at = new Date(ms);
  const now = new Date(nowMs);
  const isToday = at.toDateString() === now.toDateString();
  if (isToday) return formatClock(ms);
  const month = at.toLocaleString('en', { month: 'short' });
  return `${at.getDate()} ${month} ${formatClock(ms)}`;
}
