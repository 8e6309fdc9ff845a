import type { EdgeCheck } from '@lameduck/controller';
import { type Finding, warning } from './finding.ts';

/** What was found in the user's own nginx and its files; nothing for a managed one. */
export function attachedFindings(
  subject: string,
  { server, attached, findings }: EdgeCheck,
): readonly Finding[] {
  if (attached === undefined) return [];
  const { pid, runningServer } = attached;
  return [
    ...(pid === undefined ? [warning(subject, 'nginx does not run: start it before lameduck up')] : []),
    ...(runningServer === undefined
      ? []
      : [
          warning(
            subject,
            `${runningServer} runs (pid ${pid}), ${server} is on disk and tests the configuration: what the one takes the other may refuse, and a reload keeps the one that runs; restart nginx, or upgrade it with USR2`,
          ),
        ]),
    ...findings.map((one): Finding => ({ ...one, subject })),
  ];
}
