// lameduck run app.ts
import express, { type Express } from 'express';

const app: Express = express();

app.get('/healthz', (_request, response) => {
  response.json({ ok: true });
});

app.get('/', (_request, response) => {
  response.json({ hello: 'express', pid: process.pid });
});

export default app;
