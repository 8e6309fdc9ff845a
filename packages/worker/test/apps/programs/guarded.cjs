// Starts only as the main module; so do the next ones.
const http = require('node:http');

const server = http.createServer((_request, response) => response.end(JSON.stringify(process.argv.slice(1))));
if (require.main === module) server.listen(3000);
