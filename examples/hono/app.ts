// lameduck run app.ts
import { Hono } from 'hono';

const app: Hono = new Hono();

app.get('/healthz', (context) => context.json({ ok: true }));
app.get('/', (context) => context.json({ hello: 'hono', pid: process.pid }));

export default app;
