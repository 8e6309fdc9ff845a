import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

const read = (name) => readFileSync(new URL(`../keys/${name}.pem`, import.meta.url));
export default createServer({ cert: read('cert'), key: read('key') }, (_request, response) =>
  response.end('hello'),
);
