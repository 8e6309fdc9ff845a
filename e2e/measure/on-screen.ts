// How late a change of state is seen: from the begin of a drain in a controller of 500 nodes and 10 edges, whose checks and API are real, to the
// frame in which the row of the node says so in a real browser. At rest, and while other nodes change all the time.
//   scripts/with-tools.sh node e2e/measure/on-screen.ts [--nodes 500] [--edges 10] [--drains 100] [--changes 10]
import { loadavg } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { launch } from '../../packages/console/test/support/browser.ts';
import { openPage } from '../../packages/console/test/support/open-page.ts';
import { startMany } from '../support/many-nodes.ts';
import { freePorts } from '../support/ports.ts';
import { quantile } from '../support/scale.ts';
import { until } from '../support/until.ts';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '500' },
    edges: { type: 'string', default: '10' },
    drains: { type: 'string', default: '100' },
    changes: { type: 'string', default: '10' },
  },
});
const size = { nodes: Number(values.nodes), edges: Number(values.edges) };
const drains = Number(values.drains);
const token = 'measure-token-0123456789';
/** Rows that are on the screen. */
const watched = ['n0', 'n1', 'n2', 'n3'];
const [port = 0] = await freePorts(1);
const api = `http://127.0.0.1:${port}/v1`;
const headers = { authorization: `Bearer ${token}` };

/** Run in the page: when a row that is ready has first been another in a frame. */
const watchRows = `(() => {
  window.leftAt = {};
  const note = () => {
    for (const row of document.querySelectorAll('tr.node'))
      if (row.dataset.state !== 'ready') window.leftAt[row.dataset.node] ??= Date.now();
      else delete window.leftAt[row.dataset.node];
    requestAnimationFrame(note);
  };
  requestAnimationFrame(note);
})()`;

async function post(node: string, kind: 'drain' | 'ready'): Promise<string> {
  const asked = await fetch(`${api}/nodes/${node}/${kind}`, { method: 'POST', headers });
  return asked.text();
}

/** Until it is aborted, nodes that nobody sees leave and come back. */
async function changeOthers(signal: AbortSignal): Promise<void> {
  const begun: Promise<unknown>[] = [];
  for (let turn = 0; !signal.aborted; turn += 1) {
    const node = `n${20 + (turn % (size.nodes - 20))}`;
    begun.push(post(node, 'drain').then(() => post(node, 'ready')));
    await pause(2000 / Number(values.changes));
  }
  await Promise.all(begun);
}

const many = await startMany();
const browser = await launch();
try {
  await many.controller('screen', size, { port, token });
  const { page } = await openPage(browser, { url: `http://127.0.0.1:${port}/` }, { hash: `#token=${token}` });
  await page.locator('tr[data-node=n3][data-state=ready]').scrollIntoViewIfNeeded();
  await page.evaluate(watchRows);
  await pause(5000);

  const leftAt = (node: string): Promise<number | undefined> =>
    page.evaluate<number | undefined>(`window.leftAt['${node}']`);
  /** From the request, which is a little before the operation begins. */
  const drainOnce = async (node: string): Promise<number> => {
    const row = `tr[data-node=${node}]`;
    const askedAt = Date.now();
    const drained = post(node, 'drain');
    await until(`${node} is seen to leave`, async () => (await leftAt(node)) !== undefined);
    const seenAt = (await leftAt(node)) ?? Number.NaN;
    await drained;
    await post(node, 'ready');
    await page.locator(`${row}[data-state=ready]`).waitFor();
    await until(`${node} is seen to be back`, async () => (await leftAt(node)) === undefined);
    return seenAt - askedAt;
  };
  const measure = async (): Promise<string> => {
    const late: number[] = [];
    for (let turn = 0; turn < drains; turn += 1) {
      late.push(await drainOnce(watched[turn % watched.length] ?? 'n0'));
      await pause(50 + Math.random() * 100);
    }
    late.sort((one, other) => one - other);
    const share = (part: number): string => `${Math.round(quantile(late, part))} ms`;
    return `${share(0.5)} | ${share(0.95)} | ${share(1)} | ${(loadavg()[0] ?? 0).toFixed(1)} |`;
  };

  const rest = await measure();
  const stop = new AbortController();
  const others = changeOthers(stop.signal);
  const busy = await measure();
  stop.abort();
  await others;
  process.stdout.write(
    `${size.nodes} nodes, ${size.edges} edges, ${drains} drains each\n\n| | p50 | p95 | most | load |\n|---|---|---|---|---|\n| at rest | ${rest}\n| ${values.changes} other changes of state/s | ${busy}\n`,
  );
} finally {
  await browser.close();
  await many.stop();
}
