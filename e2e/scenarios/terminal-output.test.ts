import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { type RunningService, runService } from '../support/run-service.ts';
import { projectRoot } from '../support/service-config.ts';
import { closeTerminals, noTerminal, runInTerminal, terminalEnvironment } from '../support/terminal.ts';
import { until } from '../support/until.ts';

const launcher = join(projectRoot, 'packages', 'cli', 'bin', 'lameduck.cjs');
const escapeCharacter = '\u001B';
/** `ESC[32m` and its like; nothing else ends with `m`. */
const colour = new RegExp(`${escapeCharacter}\\[[\\d;]*m`);
/** What the list of steps, the board of a rollout and `top` need; no colour. */
const moves = {
  up: new RegExp(`${escapeCharacter}\\[\\d+A`),
  clear: new RegExp(`${escapeCharacter}\\[H${escapeCharacter}\\[J`),
  otherScreen: new RegExp(`${escapeCharacter}\\[\\?1049h`),
} as const;

/** Each command that prints for people, with what it moves the cursor for on a terminal. */
const commands: readonly (readonly [args: string, moves?: keyof typeof moves])[] = [
  ['status'],
  ['drain b', 'up'],
  ['ready b', 'up'],
  ['restart b', 'up'],
  ['rollout', 'up'],
  ['rollout status'],
  ['history'],
];
/** Those that go on until they are told to end, by what is seen when they are at work. */
const lasting = [
  ['events', 'service shop: 2 nodes', '\u0003', undefined],
  ['top', '● live', 'q', 'otherScreen'],
  ['status --watch', 'LAST CHECK', '\u0003', 'clear'],
] as const;

describe('what the commands print', { timeout: 180_000 }, () => {
  let service: RunningService;
  before(async () => {
    const app = { entry: join(projectRoot, 'examples', 'shop', 'app.ts'), workers: 1 };
    service = await runService({
      nodes: ['app', 'app'],
      mode: 'gate',
      overrides: { a: { app }, b: { app } },
    });
  });
  afterEach(closeTerminals);
  after(async () => {
    assert.equal(await service.stop(), 0);
  });

  /** In a terminal, until its end; what was printed. */
  async function inTerminal(args: string, environment: Record<string, string> = {}): Promise<string> {
    const run = runInTerminal(service.folder, args.split(' '), { environment });
    assert.equal(await run.ended(), 0, `${args}: ${run.text()}`);
    return run.text();
  }

  async function untilStopped(
    [args, shown, key]: (typeof lasting)[number],
    environment: Record<string, string> = {},
  ): Promise<string> {
    const run = runInTerminal(service.folder, args.split(' '), { environment });
    await until(`${args} shows something`, () => run.text().includes(shown), 30_000);
    run.press(key);
    await run.ended();
    return run.text();
  }

  /** Both streams are pipes: what went to stderr, then the document. */
  async function piped(
    args: string,
    environment: Record<string, string> = {},
    untilShown = '',
  ): Promise<string> {
    const child = spawn(process.execPath, [launcher, ...args.split(' ')], {
      cwd: service.folder,
      env: terminalEnvironment(environment),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const printed = { stderr: '', stdout: '' };
    for (const name of ['stderr', 'stdout'] as const)
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        printed[name] += chunk;
        if (untilShown !== '' && printed[name].includes(untilShown)) child.kill('SIGTERM');
      });
    const [code] = (await once(child, 'close')) as [number | null];
    if (untilShown === '') assert.equal(code, 0, `${args}: ${printed.stderr}`);
    return printed.stderr + printed.stdout;
  }

  it('on a terminal: colours, and what goes on is drawn in place', { skip: noTerminal }, async () => {
    for (const [args, move] of commands) {
      const printed = await inTerminal(args);
      assert.match(printed, colour, args);
      if (move === undefined)
        assert.equal(printed.replaceAll(new RegExp(colour, 'g'), '').includes(escapeCharacter), false);
      else assert.match(printed, moves[move], args);
    }
    for (const one of lasting) {
      const printed = await untilStopped(one);
      assert.match(printed, colour, one[0]);
      if (one[3] !== undefined) assert.match(printed, moves[one[3]], one[0]);
    }
  });

  it('NO_COLOR on a terminal: the same without one colour; empty it means nothing', {
    skip: noTerminal,
  }, async () => {
    for (const [args, move] of commands) {
      const printed = await inTerminal(args, { NO_COLOR: '1' });
      assert.doesNotMatch(printed, colour, args);
      if (move !== undefined) assert.match(printed, moves[move], args);
    }
    for (const one of lasting) {
      const printed = await untilStopped(one, { NO_COLOR: '1' });
      assert.doesNotMatch(printed, colour, one[0]);
      if (one[3] !== undefined) assert.match(printed, moves[one[3]], one[0]);
    }
    assert.match(await inTerminal('status', { NO_COLOR: '' }), colour);
  });

  it('a dumb terminal gets lines as a pipe does: nothing that moves the cursor, no colour', {
    skip: noTerminal,
  }, async () => {
    for (const args of [...commands.map(([words]) => words), 'top']) {
      const printed = await inTerminal(args, { TERM: 'dumb' });
      assert.equal(printed, stripVTControlCharacters(printed), args);
    }
  });

  it('a pipe gets plain lines: a step each, a table once, events one by one', async () => {
    const printed = new Map<string, string>();
    for (const [args] of [...commands, ['top'] as const]) printed.set(args, await piped(args));
    for (const args of ['events', 'status --watch']) printed.set(args, await piped(args, {}, 'shop'));
    for (const [args, lines] of printed) {
      assert.equal(lines, stripVTControlCharacters(lines), args);
      assert.doesNotMatch(lines, /\r|[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/, args);
    }
    assert.match(
      printed.get('drain b') ?? '',
      /^b {2}check health and the guard {2}.*\nb {2}take out of rotation {2}\d.*\n(.*\n)*✔ drain b: /,
    );
    assert.match(printed.get('rollout') ?? '', /^rollout {2}running\n(.*\n)*a {2}put into rotation {2}/);
    assert.equal(printed.get('top')?.match(/^shop/gm)?.length, 1);
    assert.match(printed.get('events') ?? '', /^\d\d:\d\d:\d\d status {4}service shop: 2 nodes, 1 edge\n/);
    assert.match(printed.get('history') ?? '', /^ID +BEGAN .*\n(\d+ .*\n)*\d+ +\S+ +rollout +2 nodes +done /);
  });

  it('FORCE_COLOR colours what goes through a pipe, and draws nothing in place', async () => {
    for (const args of ['status', 'history', 'drain b', 'ready b']) {
      const printed = await piped(args, { FORCE_COLOR: '1' });
      assert.match(printed, colour, args);
      const plain = printed.replaceAll(new RegExp(colour, 'g'), '');
      assert.equal(plain, stripVTControlCharacters(plain), args);
    }
  });

  it('a report that goes into a file is alone there: the list is drawn on the terminal', {
    skip: noTerminal,
  }, async () => {
    for (const [args, report] of [
      ['drain b', /^✔ drain b: is out of rotation, still running .*\n {2}in flight \d.*\n$/],
      ['ready b', /^✔ ready b: is in rotation .*\n$/],
    ] as const) {
      const run = runInTerminal(service.folder, args.split(' '), { redirection: '> report' });
      assert.equal(await run.ended(), 0, run.text());
      assert.match(run.text(), moves.up);
      assert.match(readFileSync(join(service.folder, 'report'), 'utf8'), report);
    }
  });

  it('--json has no colour and no list, also on a terminal', { skip: noTerminal }, async () => {
    for (const args of ['status', 'drain b', 'ready b', 'history', 'top']) {
      const run = runInTerminal(service.folder, [...args.split(' '), '--json']);
      assert.equal(await run.ended(), 0, run.text());
      assert.equal(run.text(), stripVTControlCharacters(run.text()), args);
    }
  });
});
