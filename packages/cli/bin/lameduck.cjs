#!/usr/bin/env node
// Written for any Node: on one that is too old this must still say so, instead of failing on new syntax.
'use strict';
var wanted = [22, 19];
var version = process.versions.node.split('.').map(Number);
if (version[0] < wanted[0] || (version[0] === wanted[0] && version[1] < wanted[1])) {
  process.stderr.write(
    'Cannot run lameduck: Node ' +
      wanted.join('.') +
      ' or newer is wanted: current value is ' +
      process.version +
      '\n',
  );
  process.exit(78);
}
import('../dist/main.js').catch((error) => {
  process.stderr.write(`Cannot load lameduck: ${error.stack}\n`);
  process.exit(1);
});
