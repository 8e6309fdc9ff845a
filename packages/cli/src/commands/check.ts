import { isAnswering } from '@lameduck/controller';
import { exitCodes } from '@lameduck/core';
import type { Command } from 'commander';
import { checkService } from '../checks/check-service.ts';
import type { Finding } from '../checks/finding.ts';
import { createScreen, type Screen } from '../output/screen.ts';
import { loadService, type ServiceOptions, withServiceOptions } from '../service.ts';

/** `lameduck check` */
export function addCheck(program: Command): void {
  withServiceOptions(program.command('check'))
    .description(
      'validate the configuration, nginx and the nodes; name what would lose requests; change nothing',
    )
    .action(runCheck);
}

async function runCheck(options: ServiceOptions): Promise<void> {
  const screen = createScreen(options.json === true);
  const service = await loadService(options);
  const isUp = await isAnswering(service.paths.controlSocket);
  const findings = await checkService(service, isUp);
  const failure = findings.find(({ level }) => level === 'error');
  if (screen.isJson) screen.json({ ok: failure === undefined, isUp, findings });
  else screen.print(findings.map((finding) => formatFinding(finding, screen)).join('\n'));
  if (failure !== undefined) process.exitCode = exitCodes[failure.code ?? 'internal'];
}

function formatFinding({ level, subject, text, file, line, column, fix }: Finding, screen: Screen): string {
  const marks = {
    ok: screen.paint('green', '✔'),
    note: screen.paint('cyan', 'i'),
    warning: screen.paint('yellow', '!'),
    error: screen.paint('red', '✖'),
  };
  const place = file === undefined ? '' : `${[file, line, column].filter(Boolean).join(':')} `;
  const instead = fix === undefined ? '' : `\n    instead: ${fix}`;
  return `${marks[level]} ${screen.paint('bold', subject)}  ${place}${text}${instead}`;
}
