import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { families } from '../../packages/controller/dist/metrics/families.js';
import { findProgram, promtool } from '../support/prometheus.ts';
import { projectRoot } from '../support/service-config.ts';

const examples = join(projectRoot, 'examples', 'prometheus');
const all = Object.values(families);
const isMissing = findProgram('promtool') === undefined ? 'promtool is missing: make setup' : false;

/** Every series that a page can have. */
const exported = new Set(
  all.flatMap(({ name, type }) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
);

const promql = (text: string): string[] => text.match(/\blameduck_[a-z_]+/g) ?? [];

it('dashboard and alerts ask for metrics that there are', () => {
  for (const file of readdirSync(examples)) {
    const text = readFileSync(join(examples, file), 'utf8');
    for (const name of promql(text)) assert.ok(exported.has(name), `${file}: ${name}`);
  }
  const dashboard = readFileSync(join(examples, 'dashboard.json'), 'utf8');
  assert.ok(promql(dashboard).length > 30);
  const ids = (JSON.parse(dashboard) as { panels: { id: number }[] }).panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
});

it("no metric of the controller has the name of a master's", () => {
  const source = join(projectRoot, 'packages/master/src/metrics/render-metrics.ts');
  const names = promql(readFileSync(source, 'utf8'));
  assert.ok(names.length > 15);
  assert.deepEqual(
    names.filter((name) => all.some((family) => family.name === name)),
    [],
  );
});

it('the table in docs/metrics.md is that of the metrics', () => {
  const page = readFileSync(join(projectRoot, 'docs', 'metrics.md'), 'utf8');
  const wanted = all.map(({ name, type, labels, help }) => {
    const label = labels.length === 0 ? '' : `{${labels.join(',')}}`;
    return `| \`${name}${label}\` | ${type} | ${help} |`;
  });
  const found = page.split('\n').filter((line) => wanted.some((row) => row === line));
  assert.deepEqual(
    wanted.filter((row) => !found.includes(row)),
    [],
  );
  const told =
    page.match(/^\| `lameduck_[a-z_]+(\{[a-z_,]+\})?` \| (counter|gauge|histogram) \| [A-Z0-9]/gm) ?? [];
  assert.ok(told.length >= wanted.length);
});

it('promtool takes the example configuration, and the alerts come when they should', {
  skip: isMissing,
}, async () => {
  // its certificate and its token are not on this machine: prometheus.test.ts checks it with some
  const checked = ['check', 'config', '--syntax-only', join(examples, 'prometheus.yml')];
  assert.match(await promtool(checked), /SUCCESS/);
  assert.match(await promtool(['check', 'rules', join(examples, 'alerts.yml')]), /17 rules found/);
  assert.match(await promtool(['test', 'rules', join(examples, 'alerts.test.yml')]), /SUCCESS/);
});

it('each alert has a unit test in which it fires, and one in which it does not', () => {
  const alerts = readFileSync(join(examples, 'alerts.yml'), 'utf8').match(/(?<=- alert: )\w+/g) ?? [];
  const [quiet = '', firing = ''] = readFileSync(join(examples, 'alerts.test.yml'), 'utf8').split(
    'each alert comes when it should',
  );
  for (const alert of alerts) {
    assert.ok(quiet.includes(alert), alert);
    assert.ok(firing.includes(`alertname: ${alert}\n        exp_alerts:\n          - exp_labels`), alert);
  }
});
