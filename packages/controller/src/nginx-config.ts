export { comparable, listSites } from './adapters/nginx/config/follow.ts';
export { matchesPattern } from './adapters/nginx/config/glob.ts';
export { type LoadedConfig, loadFile } from './adapters/nginx/config/load.ts';
export { type Directive, named } from './adapters/nginx/config/tree.ts';
export { serviceOf } from './adapters/nginx/render-include.ts';
