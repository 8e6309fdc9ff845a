import type * as NodeHttp from 'node:http';

/**
 * `node:http`, without what an ES import of it costs: that reads every property of the module, one of which loads
 * Node's whole HTTP client (undici), a third of the start of a worker. `import type` costs nothing.
 */
export const http: typeof NodeHttp = process.getBuiltinModule('node:http');
