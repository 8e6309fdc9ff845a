import { createServer, type Server } from 'node:http';

const server: Server = createServer((_request, response) => {
  response.end(JSON.stringify(process.argv.slice(1)));
});
if (import.meta.main) server.listen(3000);
