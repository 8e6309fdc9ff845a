import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const server = createServer((_request, response) => response.end(JSON.stringify(process.argv.slice(1))));
if (import.meta.url === pathToFileURL(process.argv[1]).href) server.listen(3000);
