import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openApiDocument } from '../../src/api/routes.ts';

describe('the description of the API', () => {
  it('is the one that is committed (write-openapi.ts writes it)', () => {
    const file = join(import.meta.dirname, '..', '..', 'openapi.json');
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), JSON.parse(JSON.stringify(openApiDocument())));
  });

  it('is OpenAPI 3.1 with an id of its own for each operation', () => {
    const document = openApiDocument() as {
      openapi: string;
      paths: Record<string, Record<string, { operationId: string }>>;
    };
    assert.equal(document.openapi, '3.1.0');
    const ids = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    );
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ids.length >= 15, `${ids.length} operations`);
  });
});
