// The plain example as PM2 wants it: listens itself, says when it is ready, closes on SIGINT as PM2's guide does.
import { createServer } from 'node:http';
import handler from '../../../examples/plain/app.ts';

const server = createServer({ keepAliveTimeout: 15_000 }, handler);
server.listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
process.on('SIGINT', () => server.close(() => process.exit(0)));
