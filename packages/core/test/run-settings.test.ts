import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatOrigin, parseRunSettings, type SettingSources } from '../src/run-settings.ts';
import { flagOf, settingList, variableOf } from '../src/run-settings-table.ts';

function parse(sources: Partial<SettingSources>): ReturnType<typeof parseRunSettings> {
  return parseRunSettings({ environment: {}, flags: {}, ...sources });
}

function accepted(sources: Partial<SettingSources>): Extract<ReturnType<typeof parse>, { ok: true }> {
  const parsed = parse(sources);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed;
}

function messages(sources: Partial<SettingSources>): readonly string[] {
  const parsed = parse(sources);
  assert.ok(!parsed.ok, 'it was accepted');
  return parsed.problems.map((problem) => problem.message);
}

const file = (value: unknown): SettingSources['file'] => ({ name: 'lameduck.run.yaml', value });

describe('settings: where a value comes from', () => {
  it('is, each over the one before, the default, the file, the environment, the flag; the origin is kept', () => {
    const environment = { LAMEDUCK_WORKERS: '3' };
    const flags = { workers: '4' };
    const seen = [{}, { file: file({ workers: 2 }) }, { file: file({ workers: 2 }), environment }].map(
      accepted,
    );
    seen.push(accepted({ file: file({ workers: 2 }), environment, flags }));
    assert.deepEqual(
      seen.map(({ settings, origins }) => [settings.workers, formatOrigin(origins.workers)]),
      [
        [1, 'default'],
        [2, 'lameduck.run.yaml'],
        [3, '$LAMEDUCK_WORKERS'],
        [4, '--workers'],
      ],
    );
  });

  it('understands WEB_CONCURRENCY and PORT after our own variables', () => {
    const { settings } = accepted({ environment: { WEB_CONCURRENCY: '7', PORT: '8080' } });
    assert.equal(settings.workers, 7);
    assert.deepEqual(settings.bind, { kind: 'tcp', host: '0.0.0.0', port: 8080 });
    const own = accepted({ environment: { WEB_CONCURRENCY: '7', LAMEDUCK_WORKERS: '2' } });
    assert.equal(own.settings.workers, 2);
  });

  it('takes an address without a host for all interfaces, as Gunicorn does, and a bare port for this machine alone', () => {
    const hosts = [':8080', '8080'].map((bind) => accepted({ flags: { bind } }).settings.bind);
    assert.deepEqual(hosts, [
      { kind: 'tcp', host: '0.0.0.0', port: 8080 },
      { kind: 'tcp', host: '127.0.0.1', port: 8080 },
    ]);
  });

  it('takes a variable that is set to nothing for unset', () => {
    assert.equal(accepted({ environment: { WEB_CONCURRENCY: '' } }).origins.workers.kind, 'default');
  });

  it('reads durations, sizes, lists and switches from text', () => {
    const { settings } = accepted({
      environment: {
        LAMEDUCK_HANG_STACK: 'off',
        LAMEDUCK_IMPORT: './a.js, ./b.js',
        LAMEDUCK_MAX_MEMORY: '300MB',
        LAMEDUCK_READY_TIMEOUT: '1.5s',
        LAMEDUCK_MIN_READY: '0',
      },
      file: file({ requestTimeout: 0 }),
    });
    assert.deepEqual(
      [settings.hangStack, settings.import, settings.maxMemory, settings.readyTimeout],
      [false, ['./a.js', './b.js'], 314_572_800, 1500],
    );
    assert.deepEqual([settings.minReady, settings.requestTimeout], [0, 0]);
  });
});

describe('settings: what is refused', () => {
  it('names variable, key and flag, with what is wanted and what is there, all at once', () => {
    const found = messages({
      file: file({ keepAlive: 5, nonsense: true }),
      environment: { WEB_CONCURRENCY: 'many', PORT: '99999' },
      flags: { linger: 'long' },
    });
    assert.equal(found.length, 5, found.join('\n'));
    assert.match(found.join('\n'), /"nonsense" in lameduck\.run\.yaml: it is not a known setting/);
    assert.match(found.join('\n'), /"keepAlive" in lameduck\.run\.yaml: a duration .* current value is 5$/m);
    assert.match(found.join('\n'), /environment variable "WEB_CONCURRENCY": a whole number .* is "many"$/m);
    assert.match(found.join('\n'), /environment variable "PORT": .* current value is "99999"$/m);
    assert.match(found.join('\n'), /flag "--linger": a duration .* current value is "long"$/m);
  });

  it('never shows a secret', () => {
    assert.doesNotMatch(messages({ environment: { LAMEDUCK_METRICS_TOKEN: 's3\ncret' } }).join(), /s3/);
  });

  it('R25: refuses deadlines that contradict each other, with one message each', () => {
    const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
      [{ linger: '40s' }, /"linger": at most timeoutGracefulShutdown \(30s\).* is 40s$/],
      [
        { sessionTimeout: '90s', timeoutGracefulShutdown: '5s' },
        /"sessionTimeout": at most timeoutGracefulShutdown \(5s\).* is 90s$/,
      ],
      [
        { preStopDelay: '29s', linger: '30s' },
        /"linger": at most 1s, what preStopDelay \(29s\) leaves of timeoutGracefulShutdown \(30s\).* is 30s$/,
      ],
      [
        { preStopDelay: '28s', sessionTimeout: '3s' },
        /"sessionTimeout": at most 2s, what preStopDelay \(28s\) leaves .* is 3s$/,
      ],
      [{ preStopDelay: '30s' }, /"preStopDelay": less than timeoutGracefulShutdown \(30s\).* is 30s$/],
      [{ killMargin: '0s' }, /"killMargin": at least 500ms, .* is wanted: current value is 0s$/],
      [{ killMargin: '100ms' }, /"killMargin": at least 500ms, .* is wanted: current value is 100ms$/],
      [{ controller: 'c.sock' }, /"controller": node beside it, .* current value is c\.sock$/],
      [{ node: 'foo' }, /"node": controller beside it, .* current value is foo$/],
      [{ heartbeatTimeout: '1s' }, /"heartbeatTimeout": at least 3s is wanted: current value is 1s$/],
      [{ timeoutGracefulShutdown: '0s' }, /"timeoutGracefulShutdown": more than 0/],
      [{ readyTimeout: '0s' }, /"readyTimeout": more than 0/],
      [{ maxRequestsJitter: '10' }, /"maxRequestsJitter": maxRequests beside it/],
      [{ reloadDir: 'src' }, /"reloadDir": reload beside it/],
      [{ metricsBind: '0.0.0.0:9100' }, /"metricsBind": a loopback address, .* current value is 0\.0\.0\.0$/],
      [{ bind: '8000', metricsBind: '127.0.0.1:8000' }, /"metricsBind": another address than bind/],
      [{ minReady: '5' }, /"--min-ready": a duration .*, or shared is wanted: current value is "5"/],
    ];
    for (const [flags, message] of cases) {
      const found = messages({ flags });
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0] ?? '', message);
    }
  });

  it('lowers a default that a chosen deadline would contradict', () => {
    const { settings, origins } = accepted({ flags: { timeoutGracefulShutdown: '2s' } });
    assert.deepEqual([settings.linger, origins.linger.kind], [2000, 'default']);
    assert.deepEqual([settings.sessionTimeout, origins.sessionTimeout.kind], [2000, 'default']);
    const { settings: delayed } = accepted({ flags: { preStopDelay: '26s' } });
    assert.deepEqual([delayed.linger, delayed.sessionTimeout], [4000, 4000]);
  });

  it('takes the name of a node as a variable without a controller: nodes of every kind are given theirs', () => {
    assert.equal(accepted({ environment: { LAMEDUCK_NODE: 'a' } }).settings.node, 'a');
  });
});

it('every default of the table can be read back from the text that shows it', () => {
  for (const [name, { type, fallback }] of settingList) {
    const shown = type.show(fallback);
    if (fallback === undefined || (type.isList && shown === '')) continue;
    assert.deepEqual(type.schema.safeParse(shown).data, fallback, name);
  }
});

it('no two settings have one flag, short flag or variable', () => {
  const names = settingList.flatMap(([name, { short, variables }]) => [
    flagOf(name),
    variableOf(name),
    ...(short === undefined ? [] : [short]),
    ...(variables ?? []).map((variable) => variable.name),
  ]);
  assert.deepEqual(names, [...new Set(names)]);
});
