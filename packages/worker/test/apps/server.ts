import { createServer, type Server } from 'node:http';

export const app: Server = createServer((_request, response) => response.end('hello'));
