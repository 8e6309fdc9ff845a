import assert from 'node:assert/strict';
import { it } from 'node:test';
import { nearVariables } from '../src/near-variables.ts';

const found = (...names: readonly string[]): readonly (readonly [string, string])[] =>
  nearVariables(Object.fromEntries(names.map((name) => [name, '1']))).map(({ name, meant }) => [name, meant]);

it('a variable that is almost the name of a setting is told with that name', () => {
  assert.deepEqual(found('LAMEDUCK_WROKERS', 'LAMEDUCK_LOGFILE', 'LAMEDUCK_BINDD', 'lameduck_workers'), [
    ['LAMEDUCK_WROKERS', 'LAMEDUCK_WORKERS'],
    ['LAMEDUCK_LOGFILE', 'LAMEDUCK_LOG_FILE'],
    ['LAMEDUCK_BINDD', 'LAMEDUCK_BIND'],
    ['lameduck_workers', 'LAMEDUCK_WORKERS'],
  ]);
});

it('settings, variables of other parts, and what is only alike are not', () => {
  assert.deepEqual(
    found(
      ...['LAMEDUCK_WORKERS', 'LAMEDUCK_CONTROL', 'LAMEDUCK_CONTROLLER', 'LAMEDUCK_PROMISE_TOKEN'],
      ...['LAMEDUCK_TOKEN', 'LAMEDUCK_URL', 'LAMEDUCK_NODE', 'LAMEDUCK_NODE_STATE', 'LAMEDUCK_SERVICE'],
      ...['LAMEDUCK_NGINX', 'LAMEDUCK_GUNICORN', 'LAMEDUCK_WRK', 'LAMEDUCK_HOOK', 'LAMEDUCK_ADDRESS'],
      ...['WORKERS', 'MY_LAMEDUCK_WORKER'],
    ),
    [],
  );
});
