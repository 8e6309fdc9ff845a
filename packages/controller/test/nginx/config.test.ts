import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { listSites } from '../../src/adapters/nginx/config/follow.ts';
import { findFiles, matchesPattern } from '../../src/adapters/nginx/config/glob.ts';
import { loadDump, loadFile } from '../../src/adapters/nginx/config/load.ts';
import { parseTimeMs } from '../../src/adapters/nginx/config/times.ts';
import { tokenize } from '../../src/adapters/nginx/config/tokens.ts';
import { type Directive, named, readTree, walk } from '../../src/adapters/nginx/config/tree.ts';

const plainWord = fc.stringMatching(/^[a-z_$/.:=*-][a-z0-9_$/.:=*'"#}-]{0,12}$/);
const quote = (word: string, mark: string): string => `${mark}${word.replace(/["'\\]/g, '\\$&')}${mark}`;

/** A word as somebody may write it: as it is where that can be, or in quotes. */
const written = fc.oneof(
  plainWord.map((word) => ({ word, text: word })),
  fc.tuple(fc.string(), fc.constantFrom('"', "'")).map(([word, mark]) => ({ word, text: quote(word, mark) })),
);
const gap = fc.constantFrom(' ', '\n', '\t', '\r\n', ' # a comment; { "\n', '  ');

const read = (text: string): readonly Directive[] => readTree({ path: '/f', text }, () => []);
const shape = (tree: readonly Directive[]): unknown =>
  tree.map(({ name, words, block }) => [name, ...words, ...(block === undefined ? [] : [shape(block)])]);

describe('the tokens of an nginx file', () => {
  it('are the words that were written, however they are quoted and spaced', () => {
    const line = fc.array(fc.tuple(written, gap), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
        const text = lines
          .map((words) => `${words.map(([one, space]) => one.text + space).join('')};`)
          .join('');
        const found = tokenize(text).map((token) => (token.kind === 'word' ? token.text : token.kind));
        const wanted = lines.flatMap((words) => [...words.map(([one]) => one.word), ';']);
        assert.deepEqual(found, wanted);
      }),
    );
  });

  it('come from any text, in order, each on a line that it has', () => {
    const odd = fc.array(
      fc.constantFrom('"', "'", '\\', '{', '}', ';', '#', '\n', '$', ' ', 'a_by_lua_block', '[[', '--', 'x'),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          odd.map((parts) => parts.join('')),
        ),
        (text) => {
          const lines = tokenize(text).map(({ line }) => line);
          assert.deepEqual(
            lines,
            lines.toSorted((one, other) => one - other),
          );
          assert.ok(lines.every((line) => line >= 1 && line <= text.split('\n').length));
          read(text);
        },
      ),
    );
  });

  it('know escapes, variables in braces and quotes inside of words, as nginx does', () => {
    const text = String.raw`set $a "x\"y\\z\t;{"; return 200 ${'${'}host}/a"b'#c; if ($a = '}') { }`;
    assert.deepEqual(shape(read(text)), [
      ['set', '$a', 'x"y\\z\t;{'],
      ['return', '200', `${'${'}host}/a"b'#c`],
      ['if', '($a', '=', '}', ')', []],
    ]);
  });
});

describe('Lua in an nginx file', () => {
  const piece = fc.oneof(
    fc.constantFrom('x = 1 ', 'local t = { a = 1 } ', 'if a then b() end ', '\n', 'f[1] ', 'a - b '),
    fc.constantFrom(
      '"}" ',
      "'{' ",
      String.raw`"\"}" `,
      '[[ } ]] ',
      '[==[ ]] } ]==] ',
      '-- } {\n',
      '--[[ }\n} ]] ',
      '--[=[ } ]=] ',
    ),
  );
  it('ends at its own brace, whatever braces its strings and comments hold', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const lua = pieces.join('');
        const tree = read(`http { content_by_lua_block {${lua}} after 1; }\nlast 2;`);
        assert.deepEqual(shape(tree), [
          [
            'http',
            [
              ['content_by_lua_block', lua],
              ['after', '1'],
            ],
          ],
          ['last', '2'],
        ]);
        assert.equal(tree[1]?.line, lua.split('\n').length + 1);
      }),
    );
  });

  it('may follow words of its directive', () => {
    assert.deepEqual(shape(read('set_by_lua_block $x { return "}" } a;')), [
      ['set_by_lua_block', '$x', ' return "}" '],
      ['a'],
    ]);
  });
});

describe('the files of a configuration', () => {
  const dump = [
    '# configuration file /etc/nginx/nginx.conf:\nhttp {\n  include conf.d/*.conf;\n  include "../nginx/[s]ites/a b";\n}\n',
    '# configuration file /etc/nginx/conf.d/a.conf:\nserver { include snippet; }\n',
    '# configuration file /etc/nginx/snippet:\n\nroot /x;\n',
    '# configuration file /etc/nginx/conf.d/b.conf:\nserver { include snippet; }\n',
    '# configuration file /etc/nginx/../nginx/sites/a b:\nserver { last 1; }\n',
  ].join('\n');

  it('stand where they are included, with their own names and lines, also a file that is included twice', () => {
    const { tree, files } = loadDump(dump);
    assert.equal(files.length, 5);
    const servers = named(named(tree, 'http')[0]?.block, 'server');
    assert.deepEqual(
      servers.map(({ file }) => file),
      ['/etc/nginx/conf.d/a.conf', '/etc/nginx/conf.d/b.conf', '/etc/nginx/sites/a b'],
    );
    const roots = [...walk(tree)].filter(({ directive }) => directive.name === 'root');
    assert.deepEqual(
      roots.map(({ directive, parents }) => [directive.file, directive.line, parents[0]?.file]),
      [
        ['/etc/nginx/snippet', 2, '/etc/nginx/conf.d/a.conf'],
        ['/etc/nginx/snippet', 2, '/etc/nginx/conf.d/b.conf'],
      ],
    );
  });

  it('are read from disk where nginx is not asked, and a file that includes itself has an end', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lameduck-config-'));
    try {
      mkdirSync(join(folder, 'd'));
      writeFileSync(join(folder, 'nginx.conf'), 'a; include d/*.conf; include none/*; include gone;');
      writeFileSync(join(folder, 'd/2.conf'), 'c;');
      writeFileSync(join(folder, 'd/1.conf'), 'b; include d/1.conf;');
      writeFileSync(join(folder, 'd/.hidden.conf'), 'no;');
      const { tree, unread } = loadFile(join(folder, 'nginx.conf'));
      const names = [...walk(tree)]
        .map(({ directive }) => directive.name)
        .filter((name) => name !== 'include');
      assert.deepEqual([...new Set(names)], ['a', 'b', 'c']);
      assert.deepEqual(unread, [join(folder, 'gone')]);
      assert.throws(() => loadFile(join(folder, 'nowhere')), { code: 'config' });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('match patterns as glob(3) matches them', () => {
    const matching = [
      ['/a/b.conf', '/a/*.conf'],
      ['/a/b', '/*/?'],
      ['/a/b1', '/a/b[0-9]'],
      ['/a/bx', '/a/b[!0-9]'],
      ['/a/*', '/a/\\*'],
      ['/a/x+(y)', '/a/x+(*)'],
    ] as const;
    for (const [path, pattern] of matching) assert.ok(matchesPattern(path, pattern), pattern);
    const others = [
      ['/a/b/c.conf', '/a/*.conf'],
      ['/a/.b', '/a/*'],
      ['/a/b', '/a/[z-a]'],
      ['/a/bb', '/a/b'],
    ] as const;
    for (const [path, pattern] of others) assert.ok(!matchesPattern(path, pattern), pattern);
    assert.deepEqual(findFiles('/nowhere-at-all/*/x*'), []);
    fc.assert(fc.property(fc.string(), fc.string(), (path, pattern) => void matchesPattern(path, pattern)));
  });
});

describe('a time in an nginx file', () => {
  it('is read with all its units', () => {
    const times = [
      ['5', 5000],
      ['90s', 90_000],
      ['1m30s', 90_000],
      ['1h 30m', 5_400_000],
      ['250ms', 250],
      ['1M', 2_592_000_000],
    ] as const;
    for (const [text, ms] of times) assert.equal(parseTimeMs(text), ms, text);
    for (const text of ['', 'x', '5x', '-1', '1.5s', undefined]) assert.equal(parseTimeMs(text), undefined);
  });
});

describe('where requests go', () => {
  const follow = (server: string, http = ''): unknown =>
    listSites(read(`http { ${http} server { ${server} } }`)).map(({ targets, unknown }) => [
      targets,
      unknown,
    ]);

  it('is told by names, addresses and constant variables', () => {
    assert.deepEqual(follow('location / { proxy_pass http://shop/x; }'), [[['shop'], []]]);
    assert.deepEqual(follow('location / { proxy_pass $scheme://shop$request_uri; }'), [[['shop'], []]]);
    assert.deepEqual(follow('location / { grpc_pass grpcs://127.0.0.1:90; }'), [[['127.0.0.1:90'], []]]);
    assert.deepEqual(follow('location / { proxy_pass http://unix:/run/a.sock:/b; }'), [
      [['unix:/run/a.sock'], []],
    ]);
  });

  it('is followed through set, if, map and split_clients', () => {
    assert.deepEqual(
      follow('set $up shop; if ($a) { set $up other; } location / { proxy_pass http://$up; }'),
      [[['shop', 'other'], []]],
    );
    const http =
      'map $host $pool { default shop; hostnames; a $more; } split_clients $ip $more { 50% x; * y; }';
    assert.deepEqual(follow(`location / { proxy_pass http://$${'{pool}'}:80/; }`, http), [
      [['shop:80', 'x:80', 'y:80'], []],
    ]);
  });

  it('says which variable only a request tells, and does not go round in a circle', () => {
    assert.deepEqual(follow('location / { proxy_pass http://$arg_a/$arg_b; }'), [[[], ['$arg_a']]]);
    assert.deepEqual(follow('set $a $b; set $b $a; location / { proxy_pass http://$a; }'), [[[], ['$a']]]);
    assert.deepEqual(follow('location / { proxy_pass http://shop/$arg_b; }'), [[['shop'], []]]);
  });
});
