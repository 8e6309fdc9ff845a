// Tells the PM2 of PM2_HOME to reload, each time that its parent asks: its client takes a third of a second to start.
import { createRequire } from 'node:module';

const pm2 = createRequire(process.env.PM2_PROGRAM)('../index.js');
const tell = (message) => process.send(message);

pm2.connect((error) => tell({ type: 'connected', error: error?.message }));
process.on('message', () => pm2.reload('app', (error) => tell({ type: 'reloaded', error: error?.message })));
process.on('disconnect', () => process.exit(0));
