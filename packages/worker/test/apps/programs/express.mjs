import express from 'express';

const app = express();
app.get('/slow', (_request, response) => {
  process.stderr.write('slow began\n');
  setTimeout(() => response.send('slow but whole'), 700);
});
app.get('/hello', (_request, response) => response.send('hello'));
app.listen(3000);
export default app;
