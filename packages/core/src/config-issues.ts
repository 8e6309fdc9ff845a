import type { z } from 'zod';
import type { ConfigProblem } from './config.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly (string | number)[];

/** A zod issue in the product's words: `must be <wanted>: current value is <got>`, one problem for each bad key. */
export function describeIssue(issue: Issue, input: unknown): readonly ConfigProblem[] {
  const path = issue.path.map((key) => (typeof key === 'number' ? key : String(key)));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], message: 'is not a known key' }));
  }
  const got = valueAt(input, path);
  if (got === undefined) return [{ path, message: `is missing: ${wanted(issue)} is wanted` }];
  if (path.length === 0) return [{ path, message: `must be a group of keys: current value is ${show(got)}` }];
  return [{ path, message: `${wording(issue)}: current value is ${show(got)}` }];
}

function wording(issue: Issue): string {
  if (issue.code === 'custom' || issue.message.startsWith('must ')) return issue.message;
  return `must be ${wanted(issue)}`;
}

function wanted(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return withArticle(issue.expected);
    case 'invalid_value':
      return issue.values.map((value) => JSON.stringify(value)).join(' or ');
    case 'too_small':
      return `at least ${issue.minimum}`;
    case 'too_big':
      return `at most ${issue.maximum}`;
    case 'invalid_union':
      return issue.message.replace(/^must be /, '').replace(/^Invalid input$/, 'another value');
    default:
      return issue.message.replace(/^must be /, '');
  }
}

const articles: Readonly<Record<string, string>> = {
  array: 'a list',
  int: 'a whole number',
  number: 'a number',
  object: 'a group of keys',
  record: 'a group of keys',
  string: 'text',
};

function withArticle(type: string): string {
  return articles[type] ?? `a ${type}`;
}

function valueAt(input: unknown, path: Path): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string | number, unknown>)[key];
  }
  return value;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** The keys as people write them: `nodes[0].app.entry`. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? key : `${text}.${key}`;
  }, '');
}
