import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { describe, it } from 'node:test';
import { CommandFolder, type RunningCommand } from './support/run-command.ts';

const app = `import { text } from './lib/text.mjs';
export default (request, response) => response.end(text);\n`;
const text = (value: string): string => `export const text = ${JSON.stringify(value)};\n`;
const serve = ['run', 'app.mjs', '-b', '127.0.0.1:0', '--reload', '--linger', '100ms'];

/** Writes down what it has read whole; in a folder that is not watched. */
const ledgerApp = `import { appendFileSync } from 'node:fs';
import { text } from './lib/text.mjs';
export default async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  appendFileSync('ledger', request.url + '\\n');
  response.setHeader('x-text', text);
  response.end(request.url.slice(1) + ' ' + body.length);
};\n`;

function ask(url: string, agent: Agent | false, body = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const method = body === '' ? 'GET' : 'POST';
    const sent = request(url, { agent, method }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    sent.once('error', reject).end(body);
  });
}

const reloads = (master: RunningCommand): number => master.stderr.match(/"msg":"reloaded"/g)?.length ?? 0;

describe('lameduck run --reload', () => {
  it('serves what was saved, without losing a request; many saves at once are one reload', async (test) => {
    const folder = new CommandFolder(test, { 'app.mjs': app, 'lib/text.mjs': text('one') });
    const master = folder.start(serve);
    const url = await master.ready();
    const agent = new Agent({ keepAlive: true });
    const seen = new Set<string>();
    let sent = 0;
    let isOn = true;
    const load = (async (): Promise<void> => {
      for (; isOn; sent++) seen.add(await ask(url, agent));
    })();
    for (const value of ['two', 'three']) {
      const before = reloads(master);
      for (let n = 0; n < 5; n++) folder.write('lib/text.mjs', text(value));
      await master.until(() => reloads(master) > before, `reloaded ${value}`);
    }
    isOn = false;
    await load;
    assert.equal(await ask(url, agent), 'three');
    agent.destroy();
    test.diagnostic(`${sent} requests, ${reloads(master)} reloads`);
    assert.deepEqual(
      [...seen].toSorted(),
      ['one', 'three', 'two'].filter((value) => seen.has(value)),
    );
    assert.ok(seen.has('one') && seen.has('two'));
    assert.equal(reloads(master), 2);
  });

  it('loses and repeats nothing of a mixed load: GET and POST, kept and fresh connections', async (test) => {
    const files = { 'app.mjs': ledgerApp, 'lib/text.mjs': text('one') };
    const folder = new CommandFolder(test, files);
    const master = folder.start([...serve, '-w', '2', '--reload-dir', 'lib']);
    const url = await master.ready();
    const wrong: string[] = [];
    let sent = 0;
    let isOn = true;
    const loops = Array.from({ length: 12 }, async (_, client) => {
      const agent = client < 8 ? new Agent({ keepAlive: true, maxSockets: 1 }) : false;
      for (; isOn; ) {
        const id = `${client}-${sent++}`;
        const body = client % 2 === 0 ? '' : id.repeat(3000);
        const answer = await ask(`${url}/${id}`, agent, body).catch((error: Error) => error.message);
        if (answer !== `${id} ${body.length}`) wrong.push(`${id}: ${answer}`);
      }
      if (agent !== false) agent.destroy();
    });
    for (const value of ['two', 'three', 'four']) {
      const before = reloads(master);
      folder.write('lib/text.mjs', text(value));
      await master.until(() => reloads(master) > before, `reloaded ${value}`);
    }
    isOn = false;
    await Promise.all(loops);
    test.diagnostic(`${sent} requests, ${reloads(master)} reloads`);
    const ledger = folder.read('ledger').trim().split('\n');
    assert.deepEqual(wrong, []);
    assert.equal(new Set(ledger).size, ledger.length, 'a request ran twice');
    assert.equal(ledger.length, sent);
    assert.ok(sent > 200, `only ${sent} requests`);
  });

  it('keeps the old workers after a broken save, prints the error, and serves the next good save', async (test) => {
    const folder = new CommandFolder(test, { 'app.mjs': app, 'lib/text.mjs': text('good') });
    const master = folder.start(serve);
    const url = await master.ready();
    const agent = new Agent();
    folder.write('lib/text.mjs', 'export const text = ;\n');
    await master.until(() => /reload failed, the old workers serve on/.test(master.stderr), 'the failure');
    assert.match(master.stderr, /SyntaxError/);
    assert.equal(await ask(url, agent), 'good');
    folder.write('lib/text.mjs', text('better'));
    await master.until(() => reloads(master) === 1, 'reloaded');
    assert.equal(await ask(url, agent), 'better');
  });

  it('watches new folders too, and --reload-dir instead of the folder of the entry', async (test) => {
    const files = { 'app.mjs': app, 'lib/text.mjs': text('one'), 'other/readme': '' };
    const folder = new CommandFolder(test, files);
    const master = folder.start([...serve, '--reload-dir', 'other']);
    await master.ready();
    folder.write('lib/text.mjs', text('two'));
    folder.write('other/new/file.mjs', '');
    await master.until(() => reloads(master) === 1, 'reloaded for the new folder');
    assert.match(master.stderr, /"files":\["[^"]*\/other\/new["/]/);
    folder.write('other/new/file.mjs', '1');
    await master.until(() => reloads(master) === 2, 'reloaded for a file in the new folder');
    assert.doesNotMatch(master.stderr, /lib\/text\.mjs/);
  });

  it('says so once where the application itself writes into a watched folder, and so reloads for ever', async (test) => {
    const writing = `import { writeFileSync } from 'node:fs';\nwriteFileSync('state.json', String(Date.now()));\n${app}`;
    const folder = new CommandFolder(test, { 'app.mjs': writing, 'lib/text.mjs': text('one') });
    const master = folder.start(serve);
    await master.ready();
    await master.until(() => reloads(master) > 5, 'it reloads for ever');
    const told = master.stderr.split('\n').filter((line) => line.includes('reloading again and again'));
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /"files":\["[^"]*state\.json"\].*--reload-dir/);
  });

  it('a folder that is not there is refused, exit code 78', async (test) => {
    const folder = new CommandFolder(test, { 'app.mjs': app, 'lib/text.mjs': text('one') });
    const { code, stderr } = await folder.run([...serve, '--reload-dir', 'nowhere']);
    assert.deepEqual([code, /Cannot watch ".*nowhere": an existing folder/.test(stderr)], [78, true]);
  });
});
