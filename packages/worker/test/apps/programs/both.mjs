// Waits for the one, and exports the other.
import { createServer } from 'node:http';

await new Promise((resolve) => {
  createServer((_request, response) => response.end()).listen(3000, resolve);
});
export default (_request, response) => response.end('handler');
