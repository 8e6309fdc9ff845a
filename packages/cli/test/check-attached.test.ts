import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { CommandFolder } from './support/run-command.ts';

const nginx = process.env['LAMEDUCK_NGINX'] ?? '/usr/sbin/nginx';
const launcher = join(import.meta.dirname, '..', 'bin', 'lameduck.cjs');
const nobody = 65_534;
/** As an earlier lameduck left it. */
const ownInclude = '# Written by lameduck for service "shop".\nupstream shop { server 127.0.0.1:1; }\n';
const somebody = 1;

/** Only root can become somebody else, and only where that one may read this checkout and this Node. */
const canBeNobody =
  process.getuid?.() === 0 &&
  spawnSync(process.execPath, [launcher, '--version'], { uid: nobody, cwd: '/' }).status === 0;

function conf(folder: string, more = ''): string {
  return `pid ${folder}/nginx.pid; error_log ${folder}/error.log; worker_shutdown_timeout 2s;
events {}
http {
  access_log off; ${more}
  client_body_temp_path ${folder}/t1; proxy_temp_path ${folder}/t2; fastcgi_temp_path ${folder}/t3;
  uwsgi_temp_path ${folder}/t4; scgi_temp_path ${folder}/t5;
  include ${folder}/own/*.conf;
  server {
    listen unix:${folder}/s.sock;
    location / { proxy_pass http://shop; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`;
}

/** An application that leaves a file where it was loaded. */
const startedApp = `import { writeFileSync } from 'node:fs';
writeFileSync('started', '');
export default (request, response) => response.end('ok');
`;

const config = (folder: string): string => `service: shop
edges:
  - name: main
    attach: { conf: nginx.conf, include: own/shop.conf }
    nginx: ${nginx}
nodes:
  - name: a
    address: unix:${folder}/a.sock
    app: { entry: ./app.mjs, workers: 1 }
`;

function makeFolder(test: TestContext): CommandFolder {
  const folder = new CommandFolder(test);
  folder.write('lameduck.yaml', config(folder.path));
  folder.write('nginx.conf', conf(folder.path));
  folder.write('app.mjs', 'export default (request, response) => response.end("ok");\n');
  folder.write('own/shop.conf', ownInclude);
  return folder;
}

/** Gives the folder to nobody and runs a command as nobody. */
function runAsNobody(folder: CommandFolder, ...args: string[]): { code: number | null; text: string } {
  for (const path of [
    folder.path,
    ...['lameduck.yaml', 'nginx.conf'].map((name) => join(folder.path, name)),
  ]) {
    chownSync(path, nobody, nobody);
  }
  const result = spawnSync(process.execPath, [launcher, ...args], {
    cwd: folder.path,
    uid: nobody,
    gid: nobody,
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  });
  return { code: result.status, text: result.stdout + result.stderr };
}

describe('lameduck check of an attached nginx', () => {
  it('prints each finding with file, line and what to write instead, and ends with exit code 0', async (test) => {
    const folder = makeFolder(test);
    const { code, stdout, stderr } = await folder.run(['check']);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /! edge main {2}nginx does not run: start it before lameduck up/);
    assert.match(
      stdout,
      /! edge main {2}\S+\/nginx\.conf:1 worker_shutdown_timeout 2s: .*\n {4}instead: worker_shutdown_timeout 30s/,
    );
    const { findings } = JSON.parse((await folder.run(['check', '--json'])).stdout) as {
      findings: {
        rule?: string;
        level: string;
        file?: string;
        line?: number;
        fix?: string;
        facts?: { workerShutdownTimeout: string };
      }[];
    };
    const found = findings.find(({ rule }) => rule === 'worker-shutdown-timeout');
    assert.deepEqual(
      [found?.level, found?.file, found?.line],
      ['warning', join(folder.path, 'nginx.conf'), 1],
    );
    assert.equal(findings.find(({ facts }) => facts !== undefined)?.facts?.workerShutdownTimeout, '2s');
    assert.equal(folder.read('own/shop.conf'), ownInclude);
  });

  for (const command of ['check', 'up']) {
    it(`${command} replaces no file that is not its own, and up starts no node before it says so`, async (test) => {
      const folder = makeFolder(test);
      const site = 'server { listen unix:/tmp/none.sock; }\n';
      folder.write('own/mine.conf', site);
      folder.write('app.mjs', startedApp);
      const main = folder.read('nginx.conf');
      const cases = [
        ['own/mine.conf', /Cannot write include ".*mine\.conf": .*a file that lameduck did not write/],
        ['nginx.conf', /Cannot write include ".*nginx\.conf": .*a file that lameduck did not write/],
        ['own', /Cannot write include ".*own": .*current value is a folder/],
        ['typo/shop.conf', /must say "include .*typo\/shop\.conf;" in its http block, below .*nginx\.conf:3/],
      ] as const;
      for (const [include, wanted] of cases) {
        if (include.startsWith('typo')) rmSync(join(folder.path, 'own/shop.conf'));
        folder.write('lameduck.yaml', config(folder.path).replace('own/shop.conf', include));
        const { code, stdout, stderr } = await folder.run([command]);
        assert.equal(code, 78, stdout + stderr);
        assert.match(stdout + stderr, wanted);
        assert.ok(!existsSync(join(folder.path, 'started')), 'a node was started before');
        assert.ok(!existsSync(join(folder.path, 'typo')), 'a folder was left');
      }
      assert.deepEqual([folder.read('own/mine.conf'), folder.read('nginx.conf')], [site, main]);
    });
  }

  it('says in one message that the include cannot be written', { skip: !canBeNobody }, (test) => {
    const folder = makeFolder(test);
    const { code, text } = runAsNobody(folder, 'check');
    assert.equal(code, 78, text);
    assert.match(
      text,
      /✖ edge main {2}Cannot write ".*own\/shop\.conf": the file and its folder must be writable .* for nobody \(uid 65534\): current value is EACCES\n/,
    );
    assert.equal(readFileSync(join(folder.path, 'own/shop.conf'), 'utf8'), ownInclude);
    chmodSync(join(folder.path, 'own/shop.conf'), 0o600);
    assert.match(
      runAsNobody(folder, 'check').text,
      /✖ edge main {2}Cannot read ".*own\/shop\.conf": the file must be readable for nobody/,
    );
  });

  it('says in one message that nginx belongs to somebody else, before anything is written', {
    skip: !canBeNobody,
  }, (test) => {
    const folder = makeFolder(test);
    chownSync(join(folder.path, 'own'), nobody, nobody);
    chownSync(join(folder.path, 'own/shop.conf'), nobody, nobody);
    execFileSync(nginx, ['-e', join(folder.path, 'error.log'), '-c', join(folder.path, 'nginx.conf')]);
    const pid = Number(readFileSync(join(folder.path, 'nginx.pid'), 'utf8'));
    test.after(() => {
      process.kill(pid, 'SIGTERM');
    });
    const { ino } = statSync(join(folder.path, 'own/shop.conf'));
    for (const command of ['check', 'up']) {
      const { code, text } = runAsNobody(folder, command);
      assert.equal(code, 78, text);
      const wanted = `Cannot reload edge "main": lameduck must run as the user of the nginx master ${pid} (uid 0) or as root, to send it HUP: current value is nobody`;
      assert.ok(text.includes(wanted), text);
    }
    assert.equal(statSync(join(folder.path, 'own/shop.conf')).ino, ino);
  });

  it('says so too where that is neither root nor us, and the include is as before', {
    skip: !canBeNobody,
  }, (test) => {
    const folder = makeFolder(test);
    for (const path of ['.', 'own', 'own/shop.conf']) chownSync(join(folder.path, path), somebody, somebody);
    chmodSync(folder.path, 0o755);
    execFileSync(nginx, ['-e', join(folder.path, 'error.log'), '-c', join(folder.path, 'nginx.conf')], {
      uid: somebody,
      gid: somebody,
    });
    const pid = Number(readFileSync(join(folder.path, 'nginx.pid'), 'utf8'));
    test.after(() => {
      process.kill(pid, 'SIGTERM');
    });
    // what nginx -t writes to
    for (const path of ['own', 'own/shop.conf', 'error.log', 'nginx.pid', 't1', 't2', 't3', 't4', 't5'])
      chownSync(join(folder.path, path), nobody, nobody);
    for (const command of ['check', 'up']) {
      const { code, text } = runAsNobody(folder, command);
      assert.equal(code, 78, text);
      assert.ok(text.includes(`the user of the nginx master ${pid} (uid ${somebody}) or as root`), text);
    }
    assert.equal(folder.read('own/shop.conf'), ownInclude);
  });

  it('is not kept from its work by somebody whose process has the title of a master', {
    skip: !canBeNobody,
  }, async (test) => {
    const folder = makeFolder(test);
    for (const path of ['own', 'own/shop.conf']) chownSync(join(folder.path, path), nobody, nobody);
    const title = `nginx: master process nginx -c ${join(folder.path, 'nginx.conf')}`;
    const liar = spawn('/bin/sleep', ['60'], { argv0: title, uid: somebody, stdio: 'ignore' });
    test.after(async () => {
      const ended = once(liar, 'exit');
      liar.kill();
      await ended;
    });
    await once(liar, 'spawn');
    const { code, text } = runAsNobody(folder, 'check');
    assert.equal(code, 0, text);
    assert.match(text, /nginx does not run: start it before lameduck up/);
  });
});
