import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { makeFolder, removeFolders, tryFolder } from '../src/make-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'lameduck-folder-'));
after(() => rmSync(root, { recursive: true, force: true }));

describe('makeFolder', () => {
  it('makes what is missing with its mode, and gives the topmost one', () => {
    const folder = join(root, 'a/b/c');
    assert.equal(makeFolder(folder, 0o700), join(root, 'a'));
    assert.equal(statSync(join(root, 'a/b')).mode & 0o777, 0o700);
    assert.equal(makeFolder(folder), undefined);
    assert.equal(makeFolder(join(root, 'a/d')), join(root, 'a/d'));
    assert.equal(makeFolder('/'), undefined);
  });

  it('refuses a place where none can be, and does not try for ever', { timeout: 10_000 }, () => {
    writeFileSync(join(root, 'file'), '');
    symlinkSync(join(root, 'nowhere'), join(root, 'link'));
    for (const folder of ['/proc/x/y', join(root, 'file'), join(root, 'file/x/y'), join(root, 'link/x')]) {
      const wanted = { code: 'config', message: /^Cannot make folder "\// };
      assert.throws(() => makeFolder(folder), wanted, folder);
      if (folder !== join(root, 'link/x')) assert.throws(() => tryFolder(folder), wanted, folder);
    }
  });
});

describe('removeFolders', () => {
  it('takes back what was made, as far as it is empty', () => {
    const topmost = makeFolder(join(root, 'x/y/z'));
    assert.ok(topmost !== undefined);
    writeFileSync(join(root, 'x/kept'), '');
    removeFolders(topmost, join(root, 'x/y/z'));
    assert.deepEqual(readdirSync(join(root, 'x')), ['kept']);
    removeFolders(join(root, 'never/was'), join(root, 'never/was'));
    assert.ok(existsSync(root));
  });
});

describe('tryFolder', () => {
  it('leaves nothing, whether the folder is there or not', () => {
    mkdirSync(join(root, 'there'));
    tryFolder(join(root, 'there'));
    tryFolder(join(root, 'there/not/yet'));
    assert.deepEqual(readdirSync(join(root, 'there')), []);
  });
});
