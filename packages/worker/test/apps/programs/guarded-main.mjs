import { createServer } from 'node:http';

const server = createServer((_request, response) => response.end(JSON.stringify(process.argv.slice(1))));
if (import.meta.main) server.listen(3000);
