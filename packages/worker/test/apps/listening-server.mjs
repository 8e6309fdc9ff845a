import { createServer } from 'node:http';

export default createServer((_request, response) => response.end()).listen(0);
