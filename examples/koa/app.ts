// lameduck run app.ts
import Koa from 'koa';

const app: Koa = new Koa();

app.use((context) => {
  if (context.path === '/healthz') context.body = { ok: true };
  else if (context.path === '/') context.body = { hello: 'koa', pid: process.pid };
});

export default app;
