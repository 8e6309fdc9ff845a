import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { diffText } from '../src/text-diff.ts';

const text = (...lines: readonly string[]): string => `${lines.join('\n')}\n`;

describe('diffText', () => {
  it('shows what goes and what comes, with three lines around it', () => {
    const before = text('1', '2', '3', '4', 'old', '6', '7', '8', '9');
    const after = text('1', '2', '3', '4', 'new', '6', '7', '8', '9');
    assert.equal(diffText(before, after), '@@ -2 +2 @@\n 2\n 3\n 4\n-old\n+new\n 6\n 7\n 8');
  });

  it('shows nothing where nothing changes, and a new file whole', () => {
    assert.equal(diffText('a\n', 'a\n'), '');
    assert.equal(diffText('', text('a', 'b')), '@@ -1 +1 @@\n+a\n+b');
  });

  it('shows changes that lie far from one another apart', () => {
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
    const after = lines.with(2, 'x').with(25, 'y');
    assert.equal(diffText(text(...lines), text(...after)).match(/@@/g)?.length, 4);
  });

  it('has all that goes and comes, whatever the texts are', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 30 });
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const diff = diffText(before.join('\n'), after.join('\n')).split('\n');
        const count = (mark: string): number => diff.filter((line) => line.startsWith(mark)).length;
        assert.equal(before.length - count('-'), after.length - count('+'));
      }),
    );
  });
});
