// An application that serves itself, without a master.
import { serve } from '../../src/index.ts';

const { server } = await serve(
  (request, response) => {
    if (request.url === '/slow') setTimeout(() => response.end('slow but whole'), 500);
    else response.end('hello');
  },
  {
    host: '127.0.0.1',
    lameDuckMs: Number(process.env.LAME_DUCK_MS ?? 0),
    lingerMs: 300,
    onShutdown: () => process.stdout.write('shutdown ran\n'),
  },
);
const address = server.address();
process.stdout.write(`${typeof address === 'object' ? address?.port : address}\n`);
