const Koa = require('koa');

const app = new Koa();
app.use(async (context) => {
  if (context.path === '/slow') {
    process.stderr.write('slow began\n');
    await new Promise((resolve) => setTimeout(resolve, 700));
    context.body = 'slow but whole';
  } else context.body = 'hello';
});
app.listen(3000);
module.exports = app;
