// The peer of our worker: node:http and nothing else.
import { createServer } from 'node:http';
import handler from './handler.mjs';

createServer({ keepAliveTimeout: 15_000 }, handler).listen(Number(process.env.PORT), '127.0.0.1');
