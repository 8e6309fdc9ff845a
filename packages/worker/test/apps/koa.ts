import { PassThrough } from 'node:stream';
import Koa from 'koa';

export const application: Koa = new Koa();
application.use(async (context) => {
  if (context.path === '/hello') context.body = 'hello';
  if (context.path === '/slow') {
    process.stderr.write('slow began\n');
    await new Promise((resolve) => setTimeout(resolve, Number(context.query.ms)));
    context.body = 'slow but whole';
  }
  if (context.path === '/stream') {
    const body = new PassThrough();
    context.body = body;
    void (async () => {
      for (const part of ['one ', 'two ', 'three']) {
        await new Promise((resolve) => setTimeout(resolve, 150));
        body.write(part);
      }
      body.end();
    })();
  }
});
