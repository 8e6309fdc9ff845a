import type { Command } from 'commander';
import type { ControllerClient } from '../client/controller-client.ts';
import { isTerminal, type Screen } from '../output/screen.ts';
import { formatStatus } from '../output/status-view.ts';
import { type ServiceOptions, withController, withControllerOptions } from '../service.ts';
import { stopSignal, unreadSignal } from '../stop-signal.ts';
import { emptyModel, stepTop } from '../top/model.ts';
import { renderTop } from '../top/render.ts';
import { openTerminal } from '../top/terminal.ts';

/** Screens a second at most; also how often times go on by themselves, divided by what comes. */
const drawMs = 100;
const quitKeys: readonly string[] = ['q', 'Q', '\u0003', '\u001B'];

/** `lameduck top` */
export function addTop(program: Command): void {
  withControllerOptions(program.command('top'))
    .description('a live table of edges and nodes, until q; where there is no terminal, the state once')
    .action((options: ServiceOptions) => withController(options, show));
}

async function show(client: ControllerClient, screen: Screen): Promise<void> {
  if (screen.isJson) screen.json(await client.status());
  else if (!isTerminal(process.stdout)) screen.print(formatStatus(await client.status(), screen));
  else await showLive(client, screen);
}

async function showLive(client: ControllerClient, screen: Screen): Promise<void> {
  const quit = new AbortController();
  const stop = AbortSignal.any([quit.signal, stopSignal(), unreadSignal()]);
  // who is not there at all is told as in every other command, not on a screen that is gone at once
  await client.status();
  const terminal = openTerminal(
    (key) => quitKeys.includes(key) && quit.abort(),
    () => draw(),
  );
  let model = emptyModel;
  const draw = (): void => terminal.draw(renderTop(model, terminal.size, Date.now(), screen.paint));
  const timer = setInterval(draw, drawMs);
  try {
    for await (const update of client.events(stop)) model = stepTop(model, update, Date.now());
  } finally {
    clearInterval(timer);
    terminal.close();
  }
}
