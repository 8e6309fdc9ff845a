import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';

const dist = join(import.meta.dirname, '..', 'dist');
const budgetBytes = 60_000;

function files(): string[] {
  return readdirSync(dist, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe('the built page', () => {
  it('is smaller than 60 kB when it is compressed, all files together', () => {
    const bytes = files().reduce((sum, file) => sum + gzipSync(readFileSync(file), { level: 9 }).length, 0);
    assert.ok(bytes < budgetBytes, `${bytes} bytes`);
  });

  it('has nothing inline and fetches nothing from elsewhere', () => {
    const html = readFileSync(join(dist, 'index.html'), 'utf8');
    assert.doesNotMatch(html, /<style|style=|<script(?![^>]*\bsrc=)|\son\w+=/);
    for (const [, address = ''] of html.matchAll(/(?:src|href)="([^"]*)"/g)) assert.match(address, /^\.\//);
    for (const file of files().filter((name) => /\.(js|css)$/.test(name))) {
      const text = readFileSync(file, 'utf8');
      assert.doesNotMatch(text, /\beval\(|new Function\(/);
      for (const [address] of text.matchAll(/https?:\/\/[\w.-]+/g)) {
        assert.match(address, /^http:\/\/www\.w3\.org/, 'only names of XML namespaces');
      }
    }
  });

  it('names its files by their content, so that they may be kept for ever', () => {
    const names = files().filter((file) => !file.endsWith('index.html'));
    for (const name of names) assert.match(name, /-[\w-]{8}\.(js|css|svg)$/);
  });
});
