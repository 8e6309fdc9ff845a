// Exports its application, and listens as the main module.
import fastify from 'fastify';

const app = fastify();
app.get('/hello', async () => 'hello');
app.addHook('onClose', async () => process.stderr.write('closed\n'));
export default app;
if (import.meta.main) await app.listen({ port: 3000 });
