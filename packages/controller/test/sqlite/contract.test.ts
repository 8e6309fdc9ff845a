import { openSqliteStore } from '../../src/adapters/sqlite/store.ts';
import { describeStore } from '../store-contract.ts';

describeStore('the store in an SQLite database', async () => {
  const store = openSqliteStore(':memory:');
  return { store, dispose: () => store.close() };
});
