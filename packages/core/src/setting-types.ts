import { z } from 'zod';
import { type Address, formatAddress, parseAddress } from './address.ts';
import { parseDurationMs } from './duration.ts';

/** How the values of one kind of setting are read, named in help texts and shown again. */
export interface SettingType<Value> {
  /** Reads text (environment, flags) as well as what a settings file may hold. */
  readonly schema: z.ZodType<Value>;
  /** What stands behind the flag in the help; none for a switch. */
  readonly placeholder?: string;
  /** What is wanted, for messages and documents. */
  readonly wanted: string;
  readonly show: (value: Value) => string;
  /** The flag may be given several times. */
  readonly isList?: boolean;
}

/** `z.custom` cannot transform; this reads anything with one function, `undefined` for what it cannot read. */
function reading<Value>(read: (input: unknown) => Value | undefined): z.ZodType<Value> {
  return z.unknown().transform((input, context): Value => {
    const value = read(input);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: 'unreadable', input });
    return z.NEVER;
  });
}

function readNumber(input: unknown): number | undefined {
  if (typeof input === 'number') return input;
  return typeof input === 'string' && /^\d+$/.test(input.trim()) ? Number(input) : undefined;
}

/** A whole number in a range. */
export function whole(min: number, max: number): SettingType<number> {
  return {
    placeholder: 'n',
    wanted: `a whole number from ${min} to ${max}`,
    show: String,
    schema: reading((input) => {
      const value = readNumber(input);
      return value !== undefined && Number.isInteger(value) && value >= min && value <= max
        ? value
        : undefined;
    }),
  };
}

/** Longest delay of a Node timer; more would fire at once. */
const longestMs = 2 ** 31 - 1;

/** Milliseconds, written as `500ms`, `30s`, `2m`, `1h`. */
export const duration: SettingType<number> = {
  placeholder: 'duration',
  wanted: 'a duration such as 500ms, 30s or 2m',
  show: (ms) => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`),
  schema: reading((input) => {
    const ms = typeof input === 'string' || input === 0 ? parseDurationMs(String(input)) : undefined;
    return ms !== undefined && ms <= longestMs ? ms : undefined;
  }),
};

const units: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Bytes, written as `300MB`, `1.5GB`, `65536`; K, M and G are powers of 1024, with or without `B` or `iB`. */
export const bytes: SettingType<number> = {
  placeholder: 'size',
  wanted: 'a size such as 512KB, 300MB or 2GB',
  show: showBytes,
  schema: reading((input) => {
    if (typeof input === 'number') return Number.isInteger(input) && input >= 0 ? input : undefined;
    const match =
      typeof input === 'string' ? /^(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?$/i.exec(input.trim()) : null;
    return match === null
      ? undefined
      : Math.round(Number(match[1]) * (units[(match[2] ?? '').toUpperCase()] ?? 1));
  }),
};

function showBytes(value: number): string {
  for (const [unit, size] of Object.entries(units).toReversed())
    if (unit !== '' && value > 0 && value % size === 0) return `${value / size}${unit}B`;
  return String(value);
}

/** `:8000`: all interfaces, as with Gunicorn. A bare port is loopback: nothing is offered to others unless asked for. */
function withHost(text: string): string {
  if (/^:\d+$/.test(text)) return `0.0.0.0${text}`;
  return /^\d+$/.test(text) ? `127.0.0.1:${text}` : text;
}

/** `HOST:PORT`, `:PORT`, a bare port or a unix socket. */
export const address: SettingType<Address> = {
  placeholder: 'address',
  wanted: 'HOST:PORT, [IPV6]:PORT, :PORT (all interfaces), PORT (this machine) or unix:/PATH',
  show: formatAddress,
  schema: reading((input) => {
    const text = typeof input === 'number' ? String(input) : input;
    if (typeof text !== 'string') return undefined;
    return parseAddress(withHost(text));
  }),
};

/** One line of text that is not empty. */
export function text(placeholder: string, wanted: string): SettingType<string> {
  return {
    placeholder,
    wanted,
    show: (value) => value,
    schema: reading((input) =>
      typeof input === 'string' && input !== '' && !/[\0\n\r]/.test(input) ? input : undefined,
    ),
  };
}

/** A path, made absolute by whoever knows what it is relative to. */
export const path: SettingType<string> = text('path', 'a path');

/** URL path of a probe; empty for none. */
export const urlPath: SettingType<string> = {
  placeholder: 'path',
  wanted: 'a path that starts with /, or nothing for none',
  show: (value) => value,
  schema: reading((input) =>
    typeof input === 'string' && (input === '' || /^\/[!-~]*$/.test(input)) ? input : undefined,
  ),
};

/** Several texts: a flag given again, a list in the file, commas in the environment. */
export function list(
  placeholder: string,
  wanted: string,
  isItem: (item: string) => boolean = (item) => item !== '',
): SettingType<readonly string[]> {
  return {
    placeholder,
    wanted,
    isList: true,
    show: (value) => value.join(','),
    schema: reading((input) => {
      const items: unknown = typeof input === 'string' ? input.split(',').map((item) => item.trim()) : input;
      const isUsable =
        Array.isArray(items) && items.every((item) => typeof item === 'string' && isItem(item));
      return isUsable ? (items as readonly string[]) : undefined;
    }),
  };
}

const switchWords: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  '1': true,
  false: false,
  no: false,
  off: false,
  '0': false,
};

/** On or off. */
export const toggle: SettingType<boolean> = {
  wanted: 'true or false',
  show: String,
  schema: reading((input) => {
    if (typeof input === 'boolean') return input;
    return typeof input === 'string' ? switchWords[input.toLowerCase()] : undefined;
  }),
};

/** One of a few words. */
export function choice<Word extends string>(...words: readonly Word[]): SettingType<Word> {
  return {
    placeholder: words.join('|'),
    wanted: words.join(' or '),
    show: (value) => value,
    schema: reading((input) => words.find((word) => word === input)),
  };
}

/** A value of that kind, or one word instead. */
export function orWord<Value, Word extends string>(
  type: SettingType<Value>,
  word: Word,
): SettingType<Value | Word> {
  return {
    ...type,
    placeholder: `${type.placeholder ?? ''}|${word}`,
    wanted: `${type.wanted}, or ${word}`,
    show: (value) => (value === word ? word : type.show(value as Value)),
    schema: z.union([z.literal(word), type.schema]),
  };
}

/** A value that may be missing; shown as nothing then. */
export function optional<Value>(type: SettingType<Value>): SettingType<Value | undefined> {
  return { ...type, show: (value) => (value === undefined ? '' : type.show(value)) };
}

/** The same for a value that must not be shown. */
export function secret(type: SettingType<string>): SettingType<string | undefined> {
  return { ...type, show: (value) => (value === undefined ? '' : '(hidden)') };
}
