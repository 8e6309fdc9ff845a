import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { maxBodyBytes, readAnswer } from '../../src/adapters/http-check/read-answer.ts';

const body = fc.string({ unit: 'binary-ascii', maxLength: 300 });

function chunked(parts: readonly string[]): string {
  const chunks = parts
    .filter((part) => part !== '')
    .map((part) => `${part.length.toString(16)}\r\n${part}\r\n`);
  return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.join('')}0\r\n\r\n`;
}

describe('readAnswer', () => {
  it('needs every byte of an answer, and no more', () => {
    const wholes = fc.oneof(
      body.map((text) => [text, `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`] as const),
      fc.array(body, { maxLength: 4 }).map((parts) => [parts.join(''), chunked(parts)] as const),
    );
    fc.assert(
      fc.property(wholes, fc.nat(), ([text, whole], cut) => {
        const all = readAnswer(whole, false);
        assert.deepEqual(all.type === 'answer' && [all.body, all.isComplete, all.isReusable], [
          text,
          true,
          true,
        ]);
        const part = readAnswer(whole.slice(0, cut % whole.length), false);
        assert.ok(part.type === 'more' || (part.type === 'answer' && !part.isComplete));
        const more = readAnswer(`${whole}x`, false);
        assert.ok(more.type === 'answer' && !more.isReusable);
      }),
    );
  });

  it('never throws, whatever comes, and never keeps more of a body than it says', () => {
    const heads = fc.constantFrom('', 'HTTP/1.1 200 OK\r\n\r\n', chunked(['abc']).slice(0, -5));
    fc.assert(
      fc.property(heads, fc.string({ unit: 'binary-ascii' }), fc.boolean(), (head, rest, isEnded) => {
        const reading = readAnswer(head + rest, isEnded);
        assert.ok(reading.type !== 'answer' || reading.body.length <= maxBodyBytes);
      }),
    );
  });

  it('ends with each text, also with chunk sizes and heads that nobody should send', () => {
    const size = fc.oneof(
      fc.constantFrom(
        '-6',
        '-0',
        '+3',
        '0x6',
        ' 3',
        '',
        '3;ext=1',
        '3 \t',
        'ffffffffffffffffffff',
        '0',
        '00',
        'g',
      ),
      fc.integer({ min: -20, max: 20 }).map((count) => count.toString(16)),
    );
    const piece = fc.oneof(
      size.map((line) => `${line}\r\n`),
      fc.constantFrom(
        '\r\n',
        'HTTP/1.1 100 Continue\r\n\r\n',
        'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n',
        'HTTP/1.1 200 OK\r\ncontent-length: -6\r\n\r\n',
      ),
      fc.string({ unit: 'binary-ascii', maxLength: 9 }),
    );
    const head = fc.constantFrom('', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
    fc.assert(
      fc.property(head, fc.array(piece), fc.boolean(), (first, pieces, isEnded) => {
        const reading = readAnswer(first + pieces.join(''), isEnded);
        assert.ok(reading.type !== 'answer' || reading.body.length <= maxBodyBytes);
      }),
      { numRuns: 2000 },
    );
    for (const wrong of ['-6', '+3', '0x0', 'g', '']) {
      const text = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n${wrong}\r\n\r\n`;
      const reading = readAnswer(text, false);
      assert.ok(reading.type === 'answer' && reading.body === 'abc' && !reading.isComplete, wrong);
    }
  });

  it('passes over any number of 1xx', () => {
    const flood = 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(20_000);
    assert.equal(readAnswer(flood, false).type, 'more');
    const reading = readAnswer(`${flood}HTTP/1.1 204 No Content\r\n\r\n`, false);
    assert.deepEqual(reading.type === 'answer' && [reading.status, reading.isReusable], [204, true]);
  });

  it('passes over 1xx, and knows answers without a body', () => {
    const reading = readAnswer(
      'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
      false,
    );
    assert.deepEqual(reading.type === 'answer' && [reading.status, reading.isComplete], [204, true]);
  });

  it('does not use a connection again that the peer will close', () => {
    for (const head of ['HTTP/1.1 200 OK\r\nConnection: close', 'HTTP/1.0 200 OK']) {
      const reading = readAnswer(`${head}\r\nContent-Length: 0\r\n\r\n`, false);
      assert.ok(reading.type === 'answer' && reading.isComplete && !reading.isReusable);
    }
    const untilEnd = readAnswer('HTTP/1.0 200 OK\r\n\r\nabc', true);
    assert.ok(untilEnd.type === 'answer' && untilEnd.isComplete && untilEnd.body === 'abc');
  });

  it('refuses what is no HTTP', () => {
    assert.equal(readAnswer('SSH-2.0-OpenSSH\r\n', false).type, 'bad');
    assert.equal(readAnswer(`HTTP/1.1 200 OK\r\n${'x'.repeat(20_000)}`, false).type, 'bad');
  });
});
