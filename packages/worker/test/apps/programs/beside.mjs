// Exports its application, and listens beside it.
import { createServer } from 'node:http';

createServer((_request, response) => response.end('metrics')).listen(0, '127.0.0.1', function listening() {
  process.stderr.write(`metrics ${this.address().port}\n`);
});
export default (request, response) => {
  if (request.url === '/slow') process.stderr.write('slow began\n');
  setTimeout(() => response.end('slow but whole'), request.url === '/slow' ? 700 : 0);
};
