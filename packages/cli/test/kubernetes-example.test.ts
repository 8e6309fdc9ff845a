import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseRunSettings, type RunSettings } from '@lameduck/core';
import { parseAllDocuments } from 'yaml';

interface Probe {
  readonly httpGet: { readonly path: string };
  readonly periodSeconds: number;
  readonly failureThreshold: number;
}

interface Container {
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly startupProbe: Probe;
}

interface Manifest {
  readonly kind: string;
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly [Container];
      };
    };
  };
}

const file = new URL('../../../examples/kubernetes/shop.yaml', import.meta.url);
const documents = parseAllDocuments(readFileSync(file, 'utf8'));
const manifests = documents.map((document) => document.toJS() as Manifest);
const pod = manifests.find(({ kind }) => kind === 'Deployment')?.spec.template.spec ?? assert.fail();
const [container] = pod.containers;

function settings(): RunSettings {
  const flags = container.args.map(
    (argument) => /^--([a-z-]+)=(.+)$/.exec(argument) ?? assert.fail(argument),
  );
  const named = flags.map(([, flag = '', value]) => [
    flag.replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase()),
    value,
  ]);
  const parsed = parseRunSettings({ file: undefined, environment: {}, flags: Object.fromEntries(named) });
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.settings;
}

test('the Kubernetes example parses, and says what its flags mean', () => {
  for (const document of documents) assert.deepEqual(document.errors, []);
  assert.deepEqual(
    manifests.map(({ kind }) => kind),
    ['Deployment', 'Service', 'PodDisruptionBudget'],
  );
  assert.deepEqual(settings().bind, { kind: 'tcp', host: '0.0.0.0', port: 8000 });
  assert.ok(!container.command.some((word) => /^(sh|bash|npm|npx)$/.test(word)));
});

test('R25: the deadlines of the Kubernetes example nest', () => {
  const { preStopDelay, timeoutGracefulShutdown, killMargin } = settings();
  assert.ok(preStopDelay < timeoutGracefulShutdown);
  assert.ok(timeoutGracefulShutdown + killMargin < pod.terminationGracePeriodSeconds * 1000);
  // Readiness has failed, and somebody has been told, before accepting ends.
  const { readinessProbe } = container;
  assert.ok(readinessProbe.periodSeconds * readinessProbe.failureThreshold * 1000 < preStopDelay);
});

test('the probes of the Kubernetes example ask for what they mean, and liveness is the slower one', () => {
  const { readinessPath, livenessPath, heartbeatTimeout } = settings();
  const { livenessProbe, readinessProbe, startupProbe } = container;
  assert.equal(readinessProbe.httpGet.path, readinessPath);
  assert.equal(startupProbe.httpGet.path, readinessPath);
  assert.equal(livenessProbe.httpGet.path, livenessPath);
  // The master replaces a hung worker first; the kubelet would end all of them.
  assert.ok(livenessProbe.periodSeconds * livenessProbe.failureThreshold * 1000 > heartbeatTimeout);
});
