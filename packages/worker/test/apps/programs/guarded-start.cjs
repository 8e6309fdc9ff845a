// Exports its application, and connects to its database before it listens.
const http = require('node:http');

let database = null;
const app = (request, response) => {
  if (request.url === '/slow') process.stderr.write('slow began\n');
  setTimeout(() => response.end(`${database}: slow but whole`), request.url === '/slow' ? 700 : 0);
};
async function start() {
  await new Promise((resolve) => setTimeout(resolve, 200));
  database = 'connected';
  http.createServer((request, response) => app(request, response)).listen(3000);
}
module.exports = { app, start };
if (require.main === module) void start();
