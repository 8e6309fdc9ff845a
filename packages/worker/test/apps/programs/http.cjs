// A program as it stands in many repositories: its own port, its own signal handler, nothing of ours.
const http = require('node:http');

const server = http.createServer((request, response) => {
  if (!request.url.startsWith('/slow')) return response.end(`hello from ${JSON.stringify(server.address())}`);
  process.stderr.write('slow began\n');
  setTimeout(() => response.end('slow but whole'), 700);
});
server.listen(3000, '127.0.0.1', () => {
  process.stderr.write('listening\n');
});
// A second server is its own affair.
http
  .createServer((_request, response) => response.end('metrics'))
  .listen(0, '127.0.0.1', function listening() {
    process.stderr.write(`metrics ${this.address().port}\n`);
  });

process.on('SIGTERM', () => {
  process.stderr.write('own handler\n');
  server.close((error) => {
    process.stderr.write(`closed ${error}\n`);
    process.exit(error ? 1 : 0);
  });
});
