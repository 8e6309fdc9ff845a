// The small answer as PM2's guides want it: listens itself, says when it is ready, closes on SIGINT.
import { createServer } from 'node:http';
import handler from './handler.mjs';

const server = createServer({ keepAliveTimeout: 15_000 }, handler);
server.listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
process.on('SIGINT', () => server.close(() => process.exit(0)));
