// Waits for its own listen() at the top level, on each address of localhost.
import Fastify from 'fastify';

const app = Fastify();
app.get('/hello', async () => 'hello');
app.get('/slow', async () => {
  process.stderr.write('slow began\n');
  await new Promise((resolve) => setTimeout(resolve, 700));
  return 'slow but whole';
});
await app.listen({ port: 3000 });
process.stderr.write('listening\n');
process.on('SIGTERM', async () => {
  await app.close();
  process.stderr.write('closed\n');
});
