// Ends itself at once: requests would be lost, were its handler not held back.
const http = require('node:http');

http
  .createServer((_request, response) => {
    process.stderr.write('slow began\n');
    setTimeout(() => response.end('slow but whole'), 700);
  })
  .listen(process.env.PORT || 3000);
process.on('SIGINT', () => process.exit(0));
