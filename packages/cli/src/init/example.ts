import { existsSync } from 'node:fs';
import { join } from 'node:path';

const usualEntries = [
  'app',
  'server',
  'index',
  'main',
  'src/app',
  'src/server',
  'src/index',
  'src/main',
].flatMap((name) => ['ts', 'js', 'mjs', 'cjs'].map((kind) => `${name}.${kind}`));

/** A small configuration with comments, for an application that is in the folder already where one is. */
export function renderExample(folder: string): { readonly text: string; readonly steps: readonly string[] } {
  const found = usualEntries.find((name) => existsSync(join(folder, name)));
  const entry = `./${found ?? 'app.js'}`;
  const steps =
    found === undefined ? [`write ${entry}, which exports the application, or name yours as entry`] : [];
  return { text: exampleText(entry), steps };
}

function exampleText(entry: string): string {
  return `# Written by lameduck init. All keys: docs/configuration.md
service: app                       # also the name of the nginx upstream

edges:
  - name: edge-1
    listen: 127.0.0.1:8080         # lameduck writes and runs this nginx; no root needed
    # your own nginx instead of "listen":
    # attach: { conf: /etc/nginx/nginx.conf, include: /etc/nginx/conf.d/lameduck-app.conf }

nodes:                             # two, so that one serves while the other restarts
  - name: a
    address: 127.0.0.1:8001
    app: { entry: ${entry}, workers: 2 }
  - name: b
    address: 127.0.0.1:8002
    app: { entry: ${entry}, workers: 2 }
  # other kinds of node:
  #   gunicorn: { app: "api:app", directory: ./api, workers: 2 }
  #   process: { start: "./serve.sh" }          # anything that stops on SIGTERM

# health: { path: /healthz, interval: 1s }      # app nodes answer /-/ready by themselves
shutdown: { timeoutGracefulShutdown: 30s }      # the longest that a request may take to end
availability: { minAvailable: 1 }               # never fewer nodes in rotation by our own doing
`;
}
