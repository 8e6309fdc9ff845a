// Servers of their own protocols, exported without listening.
import { createServer } from 'node:http2';

export default createServer((_request, response) => response.end('hello'));
