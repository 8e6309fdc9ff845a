import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { LameduckError } from '@lameduck/core';
import fc from 'fast-check';
import { type NginxBuild, readBuild } from '../../src/adapters/nginx/build.ts';
import {
  type IncludeSpec,
  parseIncludeHeader,
  renderInclude,
} from '../../src/adapters/nginx/render-include.ts';
import { type MainSpec, renderMain } from '../../src/adapters/nginx/render-main.ts';
import { canonical } from '../../src/adapters/nginx/resolve-nodes.ts';
import { parseHashKey, quotedPath } from '../../src/adapters/nginx/text-safety.ts';
import { nginxBinary } from './harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'lameduck-render-'));
mkdirSync(join(folder, 'temp'));
after(() => rmSync(folder, { recursive: true }));
const build: NginxBuild = await readBuild({ binary: nginxBinary, arguments: [], environment: process.env });

const name = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/);
const port = fc.integer({ min: 1, max: 65_535 });
const address = fc.oneof(
  fc.record({ kind: fc.constant('tcp' as const), host: fc.oneof(fc.ipV4(), fc.ipV6()), port }).map(canonical),
  fc.record({ kind: fc.constant('unix' as const), path: fc.stringMatching(/^\/[A-Za-z0-9._@+/-]{1,80}$/) }),
);
const node = fc.record({ name, address, weight: fc.integer({ min: 1, max: 100 }) });
const nodes = fc.uniqueArray(node, { minLength: 1, maxLength: 8, selector: (one) => one.name });
const key = fc.array(
  fc.oneof(
    fc.stringMatching(/^\$(arg|http|cookie)_[a-z][a-z0-9_]{0,20}$/),
    fc.stringMatching(/^[A-Za-z0-9_.:-]{1,10}$/),
  ),
  { minLength: 1, maxLength: 4 },
);
const balance = fc.oneof(
  fc.constantFrom(
    { type: 'round_robin' as const },
    { type: 'least_conn' as const },
    { type: 'ip_hash' as const },
  ),
  fc
    .tuple(key, fc.boolean())
    .map(([parts, isConsistent]) => ({ type: 'hash' as const, key: parts.join(':'), isConsistent })),
);

const include = fc.record({
  service: name,
  mode: fc.constantFrom('gate' as const, 'reload' as const),
  nodes,
  balance,
  isCounting: fc.boolean(),
});

function specOf(wanted: {
  service: string;
  mode: 'gate' | 'reload';
  nodes: IncludeSpec['nodes'];
  balance: IncludeSpec['balance'];
  isCounting: boolean;
}): IncludeSpec {
  const out = new Map(wanted.nodes.slice(1).map((one): [string, number] => [one.name, 3]));
  const known = {
    token: 'ab12',
    generation: 7,
    fingerprint: 'cd34',
    holdMs: 1000,
    isCountingTraffic: true,
    state: { epoch: 4, out },
  };
  return { ...wanted, ...known, socket: join(folder, 'control.sock') };
}

function mainOf(spec: IncludeSpec): MainSpec {
  return {
    service: spec.service,
    listen: { kind: 'unix', path: join(folder, 'listen.sock') },
    mode: spec.mode,
    build,
    modules: ['ndk_http_module.so', 'ngx_http_lua_module.so'].map((file) =>
      join(process.env.LAMEDUCK_NGINX_MODULES ?? '/usr/lib/nginx/modules', file),
    ),
    luaPath: undefined,
    user: { name: 'root', group: 'root' },
    maxOpenFiles: 1024,
    promiseToken: 'ab12',
  };
}

describe('the rendered configuration', () => {
  it('is taken by nginx for all names, addresses, weights and keys', () => {
    fc.assert(
      fc.property(include, (wanted) => {
        const spec = specOf(wanted);
        writeFileSync(join(folder, 'service.conf'), renderInclude(spec));
        writeFileSync(join(folder, 'nginx.conf'), renderMain(mainOf(spec)));
        execFileSync(
          nginxBinary,
          ['-t', '-q', '-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'e.log')],
          {
            stdio: 'pipe',
          },
        );
      }),
      { numRuns: 40, interruptAfterTimeLimit: 25_000 },
    );
  });

  it('tells its own generation, fingerprint, mode, token and state', () => {
    fc.assert(
      fc.property(include, (wanted) => {
        const spec = specOf(wanted);
        const { generation, fingerprint, mode, token, state } = spec;
        assert.deepEqual(parseIncludeHeader(renderInclude(spec)), {
          generation,
          fingerprint,
          mode,
          token,
          state,
        });
      }),
    );
  });

  it('says down in reload mode only: in gate mode the seed of the gate tells who is out', () => {
    const wanted = {
      service: 's',
      nodes: ['a', 'b'].map((one) => ({
        name: one,
        weight: 1,
        address: { kind: 'tcp' as const, host: '10.0.0.1', port: 1 },
      })),
      balance: { type: 'round_robin' as const },
      isCounting: true,
    };
    assert.match(renderInclude(specOf({ ...wanted, mode: 'reload' })), /server 10\.0\.0\.1:1 [^;]* down;/);
    const gate = renderInclude(specOf({ ...wanted, mode: 'gate' }));
    assert.doesNotMatch(gate, /\bdown;/);
    assert.match(gate, /seed = "4 b@3"/);
  });

  it('E24: says sticky and drain in reload mode; a file with a drain is no state to adopt', () => {
    const address = (port: number) => ({ kind: 'tcp' as const, host: '10.0.0.1', port });
    const spec = specOf({
      service: 's',
      mode: 'reload',
      nodes: ['a', 'b'].map((one, index) => ({ name: one, weight: 1, address: address(index + 1) })),
      balance: { type: 'least_conn' },
      isCounting: false,
    });
    const sticky = { cookie: 'shop_node', path: '/shop', expiresMs: 1_500, drainMs: 1 };
    const text = renderInclude({ ...spec, sticky, draining: ['a', 'b'] });
    assert.match(
      text,
      /least_conn;\nserver 10\.0\.0\.1:1 [^;]* drain;\nserver 10\.0\.0\.1:2 [^;]* down;\nsticky/,
    );
    assert.match(text, /\nsticky cookie shop_node expires=2s httponly path=\/shop;\n/);
    assert.equal(parseIncludeHeader(text)?.fingerprint, '0');
    const steady = renderInclude({ ...spec, sticky: { ...sticky, expiresMs: undefined } });
    assert.match(steady, /sticky cookie shop_node httponly path=\/shop;/);
    const strict = { ...sticky, domain: '.shop.example', isSecure: true, sameSite: 'none' as const };
    assert.match(
      renderInclude({ ...spec, sticky: strict }),
      /sticky cookie shop_node expires=2s domain=\.shop\.example httponly secure samesite=none path=\/shop;/,
    );
    assert.equal(parseIncludeHeader(steady)?.fingerprint, spec.fingerprint);
    assert.doesNotMatch(steady, /drain;/);
    assert.doesNotMatch(renderInclude(spec), /sticky/);
  });

  it('follows the version: keepalive_min_timeout from 1.27.4, in reload mode', () => {
    const spec = mainOf(
      specOf({
        service: 's',
        mode: 'reload',
        nodes: [],
        balance: { type: 'round_robin' },
        isCounting: false,
      }),
    );
    const at = (version: NginxBuild['version'], mode: 'gate' | 'reload' = 'reload'): string =>
      renderMain({ ...spec, mode, build: { ...build, version } });
    assert.match(at([1, 27, 4]), /keepalive_min_timeout/);
    assert.match(at([2, 0, 0]), /keepalive_min_timeout/);
    assert.doesNotMatch(at([1, 27, 3]), /keepalive_min_timeout/);
    assert.doesNotMatch(at([1, 29, 0], 'gate'), /keepalive_min_timeout/);
  });
});

describe('text that could inject a directive or Lua', () => {
  const harmless = {
    service: 's',
    mode: 'gate' as const,
    balance: { type: 'round_robin' as const },
    isCounting: true,
  };
  const one = { name: 'a', weight: 1, address: { kind: 'tcp' as const, host: '10.0.0.1', port: 1 } };
  const isConfig = (thrown: unknown): boolean => thrown instanceof LameduckError && thrown.code === 'config';
  const nasty = fc.oneof(
    fc.constantFrom(
      ';',
      'a;',
      'a b',
      'a"',
      "a'",
      'a\n',
      'a}',
      '$' + '{x}',
      '$(x)',
      ']]',
      '--[[',
      '',
      '-a',
      'A',
      'ä',
      'a\\',
      '\0',
    ),
    fc.string().filter((text) => !/^[A-Za-z0-9_.:-]*$/.test(text)),
  );

  it('is refused wherever a name, a host, a path or a weight stands', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const tries: IncludeSpec[] = [
          specOf({ ...harmless, nodes: [one], service: text }),
          specOf({ ...harmless, nodes: [{ ...one, name: text }] }),
          specOf({ ...harmless, nodes: [{ ...one, address: { kind: 'tcp', host: `${text};`, port: 1 } }] }),
          specOf({ ...harmless, nodes: [{ ...one, address: { kind: 'unix', path: `/x${text};` } }] }),
          specOf({ ...harmless, nodes: [{ ...one, address: { ...one.address, port: Number.NaN } }] }),
          specOf({ ...harmless, nodes: [{ ...one, weight: 0.5 }] }),
          { ...specOf({ ...harmless, nodes: [one] }), token: `${text}"` },
        ];
        for (const mode of ['gate', 'reload'] as const) {
          for (const spec of tries) {
            assert.throws(() => renderInclude({ ...spec, mode }), isConfig, JSON.stringify(text));
          }
        }
      }),
    );
  });

  it('is refused in the name, the path and the domain of a sticky cookie', () => {
    const spec = { ...specOf({ ...harmless, nodes: [one] }), mode: 'reload' as const };
    const good = { cookie: 'c', path: '/', expiresMs: undefined, drainMs: 0 };
    fc.assert(
      fc.property(nasty, (text) => {
        for (const bad of [{ cookie: `${text};` }, { path: `/${text};` }, { domain: `${text};` }]) {
          assert.throws(() => renderInclude({ ...spec, sticky: { ...good, ...bad } }), isConfig);
        }
      }),
    );
  });

  it('is refused in a hash key, which holds variables and harmless characters only', () => {
    fc.assert(fc.property(nasty, (text) => assert.throws(() => parseHashKey(`${text};`), isConfig)));
    // nginx takes capitals as a part of the name, too
    assert.deepEqual(parseHashKey('u-$cookie_ShopId.$host'), [
      { text: 'u-' },
      { variable: 'cookie_ShopId' },
      { text: '.' },
      { variable: 'host' },
    ]);
  });

  it('a path is quoted, and refused where quotes do not help', () => {
    assert.equal(quotedPath('/a "b"\\;{}'), '"/a \\"b\\"\\\\;{}"');
    for (const path of ['/a\n', '/$x', '/a\0']) assert.throws(() => quotedPath(path), isConfig);
  });
});
