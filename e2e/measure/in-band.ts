// Measures what docs/guarantees.md claims of SIGTERM without a controller, behind a managed stock nginx.
//   node e2e/measure/in-band.ts [--times 50] [--only NAME]
// Prints one row of a Markdown table for each case. The nodes are signalled and started again by this script.
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { formatLedger, type LoadOptions, runLoad } from '@lameduck/ledger';
import { runService } from '../support/run-service.ts';
import type { NodeKind } from '../support/service-config.ts';
import { type SupervisedNode, superviseAlone } from '../support/supervisor.ts';

interface Case {
  readonly name: string;
  /** Default: our own master. */
  readonly kind?: NodeKind;
  readonly mode: 'gate' | 'reload';
  readonly load: Omit<LoadOptions, 'url'>;
  /** Nodes signalled at once, in turns. */
  readonly together: number;
  readonly pauseMs: number;
}

const mixed: Case['load'] = { connections: 40 };
const posts: Case['load'] = { connections: { post: 20 }, ratePerConnection: 10 };
const trickle: Case['load'] = { connections: { post: 1 }, ratePerConnection: 1 };

const cases: readonly Case[] = [
  { name: 'mixed', mode: 'reload', load: mixed, together: 1, pauseMs: 0 },
  { name: 'trickle', mode: 'reload', load: trickle, together: 1, pauseMs: 0 },
  { name: 'posts', mode: 'reload', load: posts, together: 1, pauseMs: 0 },
  { name: 'two', mode: 'reload', load: mixed, together: 2, pauseMs: 0 },
  { name: 'three', mode: 'reload', load: mixed, together: 3, pauseMs: 2000 },
  { name: 'gunicorn', kind: 'gunicorn', mode: 'reload', load: mixed, together: 1, pauseMs: 0 },
  { name: 'fastapi', kind: 'lame-gunicorn', mode: 'reload', load: mixed, together: 1, pauseMs: 0 },
  { name: 'fastapi-trickle', kind: 'lame-gunicorn', mode: 'reload', load: trickle, together: 1, pauseMs: 0 },
  { name: 'fastapi-posts', kind: 'lame-gunicorn', mode: 'reload', load: posts, together: 1, pauseMs: 0 },
  { name: 'fastapi-three', kind: 'lame-gunicorn', mode: 'reload', load: mixed, together: 3, pauseMs: 2000 },
  { name: 'gate', mode: 'gate', load: mixed, together: 1, pauseMs: 0 },
  { name: 'gate-two', mode: 'gate', load: mixed, together: 2, pauseMs: 0 },
  { name: 'gate-three', mode: 'gate', load: mixed, together: 3, pauseMs: 2000 },
];

const { values } = parseArgs({
  options: { times: { type: 'string', default: '50' }, only: { type: 'string', default: '' } },
});
const times = Number(values.times);

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function restart(node: SupervisedNode, times: number[]): Promise<void> {
  times.push(await node.terminate());
  await node.start();
}

async function measure(one: Case): Promise<void> {
  const names = ['a', 'b', 'c'];
  const kind = one.kind ?? 'app';
  const service = await runService({ nodes: [kind, kind, kind], mode: one.mode });
  const supervisor = await superviseAlone(service, names);
  const exits: number[] = [];
  try {
    const load = runLoad({ url: service.url, ...one.load });
    try {
      for (let turn = 0; turn < times; turn += 1) {
        const chosen = names.map((_, index) => supervisor.nodes[(turn + index) % names.length]);
        const nodes = chosen.slice(0, one.together).filter((node) => node !== undefined);
        await Promise.all(nodes.map((node) => restart(node, exits)));
        await pause(one.pauseMs);
      }
    } finally {
      await load.stop();
    }
    const ledger = await service.audit(await load.done);
    const { server, errorStatuses } = ledger;
    const middle = exits.toSorted((a, b) => a - b)[Math.floor(exits.length / 2)] ?? 0;
    say(
      `| ${one.name} | ${exits.length} | ${ledger.sent.toLocaleString('en')} | ${ledger.lost} | ${server?.duplicates.length} | ${(middle / 1000).toFixed(1)} s |`,
    );
    if (ledger.lost > 0) process.stderr.write(`${formatLedger(ledger)}\n${JSON.stringify(errorStatuses)}\n`);
  } finally {
    await supervisor.close();
    await service.stop();
  }
}

say('| case | SIGTERMs | sent | lost | executed twice | SIGTERM to exit, median |');
say('|---|---|---|---|---|---|');
for (const one of cases) if (values.only === '' || one.name === values.only) await measure(one);
