// Serves by itself, with the worker's own means: as without a master.
import { counts, serve } from '@lameduck/worker';

await serve(
  (request, response) => {
    if (request.url === '/counts') return response.end(JSON.stringify(counts()));
    setTimeout(() => response.end('served'), request.url === '/slow' ? 500 : 0);
  },
  {
    port: 18_080,
    readinessPath: '/own-readyz',
    limitRequestBody: 10,
    onShutdown: () => process.stderr.write('own hook ran\n'),
  },
);
