import { Hono } from 'hono';
import { streamText } from 'hono/streaming';

const app: Hono = new Hono();
app.get('/hello', (context) => context.text('hello'));
app.get('/slow', async (context) => {
  process.stderr.write('slow began\n');
  await new Promise((resolve) => setTimeout(resolve, Number(context.req.query('ms'))));
  return context.text('slow but whole');
});
app.get('/stream', (context) =>
  streamText(context, async (stream) => {
    for (const part of ['one ', 'two ', 'three']) {
      await stream.sleep(150);
      await stream.write(part);
    }
  }),
);
export default app;
