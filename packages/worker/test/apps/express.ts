import express, { type Express } from 'express';

const app: Express = express();
app.get('/hello', (_request, response) => {
  response.send('hello');
});
app.get('/slow', (request, response) => {
  process.stderr.write('slow began\n');
  setTimeout(() => response.send('slow but whole'), Number(request.query.ms));
});
app.get('/stream', async (_request, response) => {
  for (const part of ['one ', 'two ', 'three']) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    response.write(part);
  }
  response.end();
});
export default app;
