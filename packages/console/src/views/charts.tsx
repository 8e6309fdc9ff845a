import { computed, signal } from '@preact/signals';
import type { VNode } from 'preact';
import {
  busiestNodes,
  type Columns,
  columnsOf,
  lostBySecond,
  marksOf,
  stackedInFlight,
} from '../model/chart-data.ts';
import { formatCount, formatMs } from '../model/format.ts';
import { errorsPerSecond, perSecond } from '../model/traffic-now.ts';
import { nodes, operations, rollout, traffic } from '../shell/store.ts';
import { Chart, type SeriesLook } from './chart.tsx';

const spans = [
  [60_000, '1 min'],
  [300_000, '5 min'],
  [900_000, '15 min'],
] as const;
const spanMs = signal<number>(300_000);
/** More layers than this cannot be told apart. */
const mostLayers = 5;

const newestMs = computed(() => traffic.value.at(-1)?.atMs ?? 0);
const fromMs = computed(() => newestMs.value - spanMs.value);
const span = computed(() => [fromMs.value / 1000, newestMs.value / 1000] as const);
const marks = computed(() => marksOf(operations.value.values(), rollout.value, fromMs.value));
const names = computed(() => [...nodes.value.keys()].join('\n'));
const nodeCount = computed(() => nodes.value.size);
const layers = computed(() => busiestNodes(traffic.value, fromMs.value, mostLayers, names.value.split('\n')));

/** Whether each layer's node is leaving. */
const leaving = computed(() =>
  layers.value.map((name) => nodes.value.get(name)?.status.state === 'draining').join(),
);

const inFlight = computed<Columns>(() => stackedInFlight(traffic.value, fromMs.value, layers.value));
const columns = {
  requests: computed<Columns>(() =>
    columnsOf(traffic.value, fromMs.value, [(sample) => perSecond(sample.total.requests, sample)]),
  ),
  latency: computed<Columns>(() =>
    columnsOf(traffic.value, fromMs.value, [({ total }) => total.p50Ms, ({ total }) => total.p99Ms]),
  ),
  failed: computed<Columns>(() => {
    const lost = lostBySecond(operations.value.values());
    return columnsOf(traffic.value, fromMs.value, [
      (sample) => errorsPerSecond(sample.total.errors, sample),
      ({ atMs }) => lost.get(Math.floor(atMs / 1000)) ?? 0,
    ]);
  }),
  inFlight,
  busiest: computed<Columns>(() => inFlight.value.slice(0, -1) as unknown as Columns),
};

const looks = {
  requests: [{ name: 'requests/s', colour: 'accent', fill: 'soft' }],
  latency: [
    { name: 'p50', colour: 'accent', fill: 'none' },
    { name: 'p99', colour: 'ink', fill: 'none' },
  ],
  failed: [
    { name: '5xx/s', colour: 'danger', fill: 'soft' },
    { name: 'lost by us', colour: 'ink', fill: 'none' },
  ],
} as const satisfies Readonly<Record<string, readonly SeriesLook[]>>;

function Spans(): VNode {
  return (
    <fieldset class="spans" aria-label="Time shown">
      {spans.map(([ms, label]) => (
        <button
          key={ms}
          type="button"
          aria-pressed={spanMs.value === ms}
          onClick={() => {
            spanMs.value = ms;
          }}
        >
          {label}
        </button>
      ))}
    </fieldset>
  );
}

/** Traffic as the edges count it, with what we did drawn behind it. */
export function Charts(): VNode {
  const isQuiet = traffic.value.length === 0;
  return (
    <section class="charts-section" aria-labelledby="charts-title">
      <div class="charts-head">
        <h2 id="charts-title">Traffic</h2>
        <Spans />
      </div>
      {isQuiet && <p class="nothing">No traffic was counted yet: the charts begin with the first second.</p>}
      <div class="charts" hidden={isQuiet}>
        <Chart
          title="Requests/s"
          columns={columns.requests}
          looks={looks.requests}
          marks={marks}
          span={span}
          format={formatCount}
        />
        <Chart
          title="Latency"
          columns={columns.latency}
          looks={looks.latency}
          marks={marks}
          span={span}
          format={formatMs}
        />
        <Chart
          title="5xx and lost"
          columns={columns.failed}
          looks={looks.failed}
          marks={marks}
          span={span}
          format={formatCount}
        />
        <Layers />
      </div>
    </section>
  );
}

/** In flight by node; a node that leaves is painted in the colour of leaving. */
function Layers(): VNode {
  const order = layers.value;
  const isLeaving = leaving.value.split(',').reverse();
  const stacked: SeriesLook[] = order.toReversed().map((name, index) => {
    const colour = isLeaving[index] === 'true' ? 'attention' : 'accent';
    return { name, colour, fill: 'layer', shade: (index + 1.2) / (order.length + 0.2) };
  });
  // beside hundreds of nodes a few of them are nothing: what is in flight of all stands at the top
  const isMany = nodeCount.value > 20;
  const looksNow: SeriesLook[] = isMany
    ? stacked
    : [...stacked, { name: 'all', colour: 'ink', fill: 'none' }];
  return (
    <Chart
      key={order.join()}
      title={isMany ? 'In flight, busiest nodes' : 'In flight by node'}
      columns={isMany ? columns.busiest : columns.inFlight}
      looks={looksNow}
      marks={marks}
      span={span}
      format={formatCount}
    />
  );
}
