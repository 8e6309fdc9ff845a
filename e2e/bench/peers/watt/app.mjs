// As Watt wants it: a function that makes the server.
import { createServer } from 'node:http';
import handler from '../../apps/handler.mjs';

export function create() {
  return createServer({ keepAliveTimeout: 15_000 }, handler);
}
