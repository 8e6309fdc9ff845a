// The peer of our master: node:cluster with its default scheduling (round robin).
import cluster from 'node:cluster';

if (cluster.isPrimary) {
  for (let index = 0; index < Number(process.env.WORKERS); index += 1) cluster.fork();
} else {
  await import('./bare.mjs');
}
