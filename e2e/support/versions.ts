import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeName, projectRoot } from './service-config.ts';

const shop = join(projectRoot, 'examples', 'shop', 'app.ts');

/** What each version of the application adds to the shop. */
const versions = {
  v1: '',
  v2: '',
  // never healthy
  sick: "app.addHook('onRequest', async (request, reply) => request.url === '/healthz' ? reply.code(503).send('sick') : undefined);",
  // healthy for two seconds
  late: "const began = Date.now(); app.addHook('onRequest', async (request, reply) => request.url === '/healthz' && Date.now() - began > 2000 ? reply.code(503).send('late') : undefined);",
  // healthy, but half of what is asked of it fails; before the handler, so that nothing counts as executed
  faulty:
    "app.addHook('onRequest', async (request, reply) => request.url.startsWith('/fault') ? reply.code(500).send('faulty') : undefined);",
  // answers well, half a second late
  slow: "app.addHook('onRequest', async (request) => request.url === '/healthz' ? undefined : new Promise((resolve) => setTimeout(resolve, 500)));",
  broken: "throw new Error('this version is broken');",
} as const;

export type Version = keyof typeof versions | 'undeployable';

const deploy = `#!/bin/sh
set -eu
release=$(cat ../../release)
echo "deploying $release on $LAMEDUCK_NODE ($LAMEDUCK_ACTION)"
if [ "$release" = undeployable ]; then echo "no such release: $release"; exit 3; fi
ln -sfn "$(readlink current)" previous
ln -sfn "../../versions/$release" current
`;
const rollBack = `#!/bin/sh
set -eu
[ -L previous ] || exit 0
echo "rolling back on $LAMEDUCK_NODE: $LAMEDUCK_REASON"
ln -sfn "$(readlink previous)" current
`;

/** A folder with versions of the shop, one of which each node runs; hooks change it. */
export interface Releases {
  /** Per node: what overrides its configuration. */
  readonly overrides: Readonly<Record<string, Record<string, unknown>>>;
  readonly hooks: { readonly beforeStart: string; readonly rollBack: string };
  /** What the next deployment brings. */
  release(version: Version): void;
}

/** Every node runs `v1`. */
export function makeReleases(folder: string, nodes: number): Releases {
  for (const [version, code] of Object.entries(versions)) {
    const text = `import app from ${JSON.stringify(shop)};\napp.get('/fault', async () => 'fine');\napp.get('/version', async () => '${version}');\n${code}\nexport default app;\n`;
    mkdirSync(join(folder, 'versions', version), { recursive: true });
    writeFileSync(join(folder, 'versions', version, 'app.ts'), text);
  }
  for (const [name, script] of Object.entries({ 'deploy.sh': deploy, 'roll-back.sh': rollBack })) {
    writeFileSync(join(folder, name), script);
    chmodSync(join(folder, name), 0o755);
  }
  const names = Array.from({ length: nodes }, (_, index) => nodeName(index));
  for (const name of names) {
    mkdirSync(join(folder, 'nodes', name), { recursive: true });
    symlinkSync('../../versions/v1', join(folder, 'nodes', name, 'current'));
  }
  return {
    overrides: Object.fromEntries(
      names.map((name) => [
        name,
        { directory: join(folder, 'nodes', name), app: { entry: 'current/app.ts', workers: 2 } },
      ]),
    ),
    hooks: { beforeStart: '../../deploy.sh', rollBack: '../../roll-back.sh' },
    release: (version) => writeFileSync(join(folder, 'release'), `${version}\n`),
  };
}

/** The version that a node answers with. */
export async function versionOf(port: number): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/version`)).text();
}

/** What the node and its hooks have printed. */
export function nodeLog(folder: string, node: string): string {
  return readFileSync(join(folder, '.lameduck', 'nodes', node, 'node.log'), 'utf8');
}
