import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { freePorts, isFree } from '../support/ports.ts';
import { type CommandResult, makeRunFolder, runLameduck } from '../support/run-service.ts';
import { type ServiceSpec, serviceConfig } from '../support/service-config.ts';

interface Attempt extends CommandResult {
  readonly folder: string;
  readonly ports: readonly number[];
}

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** `lameduck up` with a configuration that must fail; afterwards nothing of it may run. */
async function failUp(
  spec: ServiceSpec,
  change: (text: string, folder: string) => string = (text) => text,
): Promise<Attempt> {
  const folder = makeRunFolder();
  folders.push(folder);
  mkdirSync(join(folder, 'ledger'));
  const ports = await freePorts(spec.nodes.length + 1);
  const text = stringify(serviceConfig(spec, ports, join(folder, 'ledger')));
  writeFileSync(join(folder, 'lameduck.yaml'), change(text, folder));
  const result = await runLameduck(folder, 'up');
  assert.equal(result.stdout, '', 'nothing may be announced as ready');
  assert.deepEqual(processesIn(folder), [], 'something was left running');
  return { ...result, folder, ports };
}

/** Command lines of all processes that name the folder, zombies aside. */
function processesIn(folder: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    const line = readQuietly(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
    return line.includes(folder) ? [line] : [];
  });
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const short = { shutdown: { timeoutGracefulShutdown: '1s', margin: '1s' }, startup: { timeout: '10s' } };

describe('a configuration that is wrong', () => {
  const cases: readonly [name: string, from: RegExp, to: string, wanted: RegExp][] = [
    [
      'an unknown key',
      /^service:/m,
      'serivce: x\nservice:',
      /lameduck\.yaml:1:1 serivce: is not a known key/,
    ],
    [
      'a wrong type',
      /workers: 2/,
      'workers: two',
      /:\d+:\d+ nodes\[0\]\.app\.workers: must be a number: current value is "two"/,
    ],
    [
      'a bad duration',
      /timeoutGracefulShutdown: \S+/,
      'timeoutGracefulShutdown: fast',
      /shutdown\.timeoutGracefulShutdown: must be a duration such as 500ms, 30s or 2m: current value is "fast"/,
    ],
    [
      'a duplicate name',
      /name: b/,
      'name: a',
      /:\d+:\d+ nodes\[1\]\.name: must be a node name that nothing else has: current value is "a"/,
    ],
    [
      'a node name that holds nginx text',
      /name: b/,
      'name: "b; } server {"',
      /nodes\[1\]\.name: must be lower-case letters/,
    ],
    [
      'a node name that holds shell text',
      /name: b/,
      'name: "$(touch owned)"',
      /nodes\[1\]\.name: must be lower-case letters/,
    ],
    ['broken YAML', /^nodes:/m, 'nodes: [', /lameduck\.yaml:\d+:\d+ /],
  ];
  for (const [name, from, to, wanted] of cases) {
    it(`with ${name} is told with file, line and column, exit code 78`, async () => {
      const { code, stderr, folder } = await failUp({ nodes: ['app', 'app'] }, (text) => {
        assert.match(text, from);
        return text.replace(from, to);
      });
      assert.equal(code, 78, stderr);
      assert.match(stderr, wanted);
      assert.ok(!existsSync(join(folder, 'owned')));
      assert.ok(
        !existsSync(join(folder, '.lameduck')),
        'nothing may be written for a configuration that is wrong',
      );
    });
  }

  it('with two nodes on one address is told, exit code 78', async () => {
    const { code, stderr } = await failUp({ nodes: ['app', 'app'] }, (text) => {
      const [, first = ''] = /address: (\S+)/.exec(text) ?? [];
      return text.replace(/(name: b\n\s+address: )\S+/, `$1${first}`);
    });
    assert.equal(code, 78, stderr);
    assert.match(stderr, /nodes\[1\]\.address: must be .* that nothing else has/);
  });

  it('that is not there is told, exit code 78', async () => {
    const folder = makeRunFolder();
    folders.push(folder);
    const result = await runLameduck(folder, 'up', '--config', 'nowhere.yaml');
    assert.equal(result.code, 78);
    assert.match(result.stderr, /Cannot read config ".*nowhere\.yaml": an existing file is wanted/);
  });
});

describe('a service that cannot start', () => {
  it('because a port is in use names who holds it and leaves nothing behind', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    try {
      const busyNode = await failUp({ nodes: ['app', 'app'], config: short }, (text) =>
        text.replace(/(name: b\n\s+address: )\S+/, `$1127.0.0.1:${port}`),
      );
      assert.equal(busyNode.code, 1, busyNode.stderr);
      assert.match(busyNode.stderr, new RegExp(`"b".*127\\.0\\.0\\.1:${port}.*${process.pid}`, 's'));
      const busyEdge = await failUp({ nodes: ['app'], config: short }, (text) =>
        text.replace(/listen: \S+/, `listen: 127.0.0.1:${port}`),
      );
      assert.equal(busyEdge.code, 1, busyEdge.stderr);
      assert.match(
        busyEdge.stderr,
        new RegExp(`edge-1.*127\\.0\\.0\\.1:${port} must be free.*${process.pid}`, 's'),
      );
      for (const own of busyEdge.ports.slice(1)) assert.ok(await isFree(own));
    } finally {
      server.close();
    }
  });

  it('because nginx is missing says how to get it', async () => {
    const { code, stderr } = await failUp({ nodes: ['app'], config: short }, (text) =>
      text.replace(/mode: auto/, 'mode: auto\n    nginx: /nowhere/nginx'),
    );
    assert.equal(code, 1, stderr);
    assert.match(stderr, /Cannot run nginx "\/nowhere\/nginx".*apt-get install nginx/);
  });

  it('because Gunicorn is missing names what was tried', async () => {
    const { code, stderr } = await failUp({ nodes: ['gunicorn'], config: short }, (text) =>
      text.replace(/app: api:app/, 'app: api:app\n      command: /nowhere/gunicorn'),
    );
    assert.equal(code, 1, stderr);
    assert.match(stderr, /a gunicorn that runs must be installed.*\/nowhere\/gunicorn/);
  });

  it('because the entry is missing names the file, exit code 3', async () => {
    const { code, stderr } = await failUp({ nodes: ['app'], config: short }, (text) =>
      text.replace(/entry: .*app\.ts/, 'entry: ./nowhere.ts'),
    );
    assert.equal(code, 3, stderr);
    assert.match(stderr, /nowhere\.ts/);
  });

  it('because the application throws shows its error', async () => {
    const { code, stderr } = await failUp({ nodes: ['app'], config: short }, (text, folder) => {
      writeFileSync(join(folder, 'broken.mjs'), "throw new Error('no database today');\n");
      return text.replace(/entry: .*app\.ts/, 'entry: ./broken.mjs');
    });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /no database today/);
  });

  it('because a Python application throws shows its error', async () => {
    const { code, stderr } = await failUp({ nodes: ['gunicorn'], config: short }, (text, folder) => {
      writeFileSync(join(folder, 'broken.py'), "raise RuntimeError('no database today')\n");
      return text.replace(/app: api:app/, 'app: broken:app').replace(/directory: .*/, 'directory: .');
    });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /no database today/);
  });

  it('because a pid file cannot be read names the file and what it holds', async () => {
    const { code, stderr } = await failUp({ nodes: ['app'], config: short }, (text, folder) => {
      writeFileSync(join(folder, 'c.pid'), 'not a pid\n');
      return text.replace(
        /app:\n\s+entry: .*\n\s+workers: 2/,
        'process:\n      start: "true"\n      pidfile: c.pid',
      );
    });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /c\.pid.*not a pid/);
  });
});

describe('a command that is wrong', () => {
  const configured = async (): Promise<string> => {
    const folder = makeRunFolder();
    folders.push(folder);
    const ports = await freePorts(2);
    writeFileSync(join(folder, 'lameduck.yaml'), stringify(serviceConfig({ nodes: ['app'] }, ports, folder)));
    return folder;
  };

  it('about an unknown node names the known ones, exit code 4', async () => {
    const { code, stderr } = await runLameduck(await configured(), 'stop', 'z');
    assert.equal(code, 4);
    assert.match(stderr, /Cannot find node "z": one of a is wanted/);
  });

  it('while nothing runs says so, exit code 3', async () => {
    const { code, stderr } = await runLameduck(await configured(), 'status');
    assert.equal(code, 3);
    assert.match(stderr, /a running "lameduck up" or "lameduck daemon" is wanted/);
  });

  it('gives its error as one JSON document with --json', async () => {
    const { code, json } = await runLameduck(await configured(), 'stop', 'z', '--json');
    assert.equal(code, 4);
    assert.equal((json as { error: { code: string } }).error.code, 'noSuchNode');
  });

  for (const args of [
    ['sotp', 'a'],
    ['stop'],
    ['rollout', '--batch', '0'],
    ['run', 'x.mjs', '-w', 'many'],
    ['status', '--nope'],
  ]) {
    it(`"${args.join(' ')}" is a usage error, exit code 2`, async () => {
      const { code, stderr } = await runLameduck(await configured(), ...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /error: |is wanted/);
    });
  }
});

describe('lameduck check', () => {
  async function checkWith(
    change: (text: string) => string,
    spec: ServiceSpec = { nodes: ['app', 'gunicorn'] },
  ) {
    const folder = makeRunFolder();
    folders.push(folder);
    const ports = await freePorts(spec.nodes.length + 1);
    writeFileSync(join(folder, 'lameduck.yaml'), change(stringify(serviceConfig(spec, ports, folder))));
    const result = await runLameduck(folder, 'check', '--json');
    assert.deepEqual(processesIn(folder), [], 'a check may start nothing');
    return result as CommandResult & {
      json: { ok: boolean; findings: { level: string; subject: string; text: string }[] };
    };
  }

  it('finds nothing wrong with a good service, exit code 0', async () => {
    const { code, json } = await checkWith((text) => text);
    assert.equal(code, 0);
    assert.ok(json.ok);
    assert.deepEqual(
      json.findings.map(({ level }) => level),
      ['ok', 'ok', 'ok', 'ok'],
    );
  });

  it('warns of what would lose requests or refuse every restart', async () => {
    const { code, json } = await checkWith(
      (text) =>
        text.replace(/directory: .*api\n/, '$&      arguments: [--keep-alive, "2", --graceful-timeout=90]\n'),
      { nodes: ['app', 'gunicorn'], mode: 'reload', config: { availability: { minAvailable: 2 } } },
    );
    assert.equal(code, 0);
    const warnings = json.findings.filter(({ level }) => level === 'warning').map(({ text }) => text);
    assert.equal(warnings.length, 4, JSON.stringify(json.findings));
    assert.match(warnings.join('\n'), /no node can ever be stopped or restarted/);
    assert.match(warnings.join('\n'), /resets idle keep-alive connections of clients/);
    assert.match(warnings.join('\n'), /--graceful-timeout 90 is longer/);
    assert.match(warnings.join('\n'), /--keep-alive 2 is not longer/);
  });

  it('names what would keep the service from starting, with its exit code', async () => {
    const noNginx = await checkWith((text) =>
      text.replace(/mode: auto/, 'mode: auto\n    nginx: /nowhere/nginx'),
    );
    assert.equal(noNginx.code, 1);
    assert.match(JSON.stringify(noNginx.json.findings), /Cannot run nginx/);
    const noEntry = await checkWith((text) => text.replace(/entry: .*app\.ts/, 'entry: ./nowhere.ts'));
    assert.equal(noEntry.code, 3);
    assert.match(JSON.stringify(noEntry.json.findings), /nowhere\.ts/);
  });
});
