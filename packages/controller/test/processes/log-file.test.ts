import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pino } from 'pino';
import { createShellHooks } from '../../src/adapters/hooks/shell-hooks.ts';
import { followLog } from '../../src/processes/follow-log.ts';
import { openLog } from '../../src/processes/log-file.ts';
import { readLogTail } from '../../src/processes/log-tail.ts';
import { spawnDetached } from '../../src/processes/spawn-detached.ts';

const isRoot = process.geteuid?.() === 0;
const skip = isRoot ? false : 'only root opens what others may not';
const nobody = 65_534;
const never = new AbortController().signal;

describe('the log of a node in a folder that its user owns, opened by root', { skip }, () => {
  const root = mkdtempSync(join(tmpdir(), 'lameduck-logs-'));
  const theirs = join(root, 'theirs');
  const secret = join(root, 'secret');
  mkdirSync(theirs);
  chownSync(theirs, nobody, nobody);
  writeFileSync(secret, 'only for root\n', { mode: 0o600 });
  after(() => rmSync(root, { recursive: true, force: true }));

  it('is opened where it is a plain file', () => {
    const file = join(theirs, 'plain.log');
    const fd = openLog(file, 'append');
    writeSync(fd, 'a line\n');
    closeSync(fd);
    assert.deepEqual(readLogTail(file), ['a line']);
  });

  it('is refused where it is a symbolic link: nothing is written, nothing is told', async () => {
    const file = join(theirs, 'link.log');
    symlinkSync(secret, file);
    for (const access of ['append', 'read'] as const) {
      assert.throws(() => openLog(file, access), { code: 'forbidden', message: /link\.log.* symbolic link/ });
    }
    assert.deepEqual(readLogTail(file), []);
    for await (const lines of followLog(file, 10, false, never)) assert.fail(lines.join());
    const places = { directory: root, logFile: file, launchFile: join(root, 'launched') };
    const started = spawnDetached({ node: 'a', command: ['echo', 'written'], environment: {}, ...places });
    await assert.rejects(started, { code: 'forbidden' });
    const hooks = createShellHooks({
      service: 'shop',
      node: 'a',
      directory: root,
      environment: {},
      stateDirectory: join(root, 'state'),
      launch: { logFile: file },
      config: { beforeStart: 'echo written', rollBack: undefined, timeoutMs: 5000 },
      logger: pino({ level: 'silent' }),
    });
    await assert.rejects(hooks.run('beforeStart', { action: 'deploy' }, never), { code: 'forbidden' });
    assert.equal(readFileSync(secret, 'utf8'), 'only for root\n');
  });

  it('is refused where a folder on the way is one, or where it is a pipe', () => {
    symlinkSync(root, join(theirs, 'folder'));
    assert.throws(() => openLog(join(theirs, 'folder', 'secret'), 'read'), { code: 'forbidden' });
    const pipe = join(theirs, 'pipe.log');
    execFileSync('mkfifo', [pipe]);
    assert.throws(() => openLog(pipe, 'append'), { code: 'forbidden' });
    assert.throws(() => openLog(pipe, 'read'), { code: 'forbidden' });
  });

  it('may be a link of root in a folder of root', () => {
    // not below the folder for all, in which every link is somebody's
    const own = mkdtempSync(join('/run', 'lameduck-logs-'));
    try {
      symlinkSync(secret, join(own, 'link.log'));
      closeSync(openLog(join(own, 'link.log'), 'read'));
      assert.ok(existsSync(secret));
    } finally {
      rmSync(own, { recursive: true });
    }
  });
});
