import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig } from '../src/parse-config.ts';

const rest = {
  service: 'shop',
  edges: [{ name: 'e', listen: '127.0.0.1:8080' }],
  nodes: [{ name: 'a', address: '127.0.0.1:8001', process: { start: './a' } }],
};
const token = { name: 'ops', role: 'operator', tokenFile: './ops.token' };

function problemsOf(api: unknown): readonly string[] {
  const parsed = parseConfig({ ...rest, api });
  return parsed.ok ? [] : parsed.problems.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('the configuration of the API', () => {
  it('is left out: then there is only the unix socket', () => {
    const parsed = parseConfig(rest);
    assert.ok(parsed.ok);
    assert.equal(parsed.config.api, undefined);
  });

  it('takes a loopback address with tokens, and any address with TLS or a proxy before it', () => {
    const tls = { cert: 'c.pem', key: 'k.pem' };
    for (const api of [
      { listen: '127.0.0.1:9090', tokens: [token] },
      { listen: '[::1]:9090', tokens: [{ name: 'x', role: 'viewer', sha256: 'a'.repeat(64) }] },
      { listen: '0.0.0.0:9090', tokens: [token], tls, allowedHosts: ['ops.example.com'] },
      { listen: '10.0.0.1:9090', tokens: [token], plaintext: true },
    ]) {
      assert.deepEqual(problemsOf(api), []);
    }
  });

  it('names what is wrong: no token, two sources, two names alike, tokens in the clear', () => {
    const cases: [object, RegExp][] = [
      [{ listen: '127.0.0.1:9090', tokens: [] }, /api\.tokens: must have at least one token/],
      [{ listen: 'unix:/run/x.sock', tokens: [token] }, /api\.listen: must be HOST:PORT/],
      [{ listen: '127.0.0.1:0', tokens: [token] }, /api\.listen: must have a port/],
      [{ listen: '0.0.0.0:9090', tokens: [token] }, /api\.listen: must be a loopback address/],
      [
        { listen: '127.0.0.1:9090', tokens: [token, token] },
        /api\.tokens\.1\.name: must be a name that no other/,
      ],
      [
        { listen: '127.0.0.1:9090', tokens: [{ name: 'x', role: 'viewer' }] },
        /api\.tokens\.0: must have exactly one/,
      ],
      [{ listen: '127.0.0.1:9090', tokens: [{ ...token, role: 'root' }] }, /api\.tokens\.0\.role/],
      [{ listen: '127.0.0.1:9090', tokens: [{ ...token, token: 'in the open' }] }, /token/],
    ];
    for (const [api, wanted] of cases) assert.match(problemsOf(api).join('\n'), wanted);
  });
});
