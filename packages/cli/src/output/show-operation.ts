import {
  type OperationKind,
  type OperationProgress,
  type OperationReport,
  type RolloutReport,
  reportExitCode,
} from '@lameduck/core';
import { formatReport } from './report-view.ts';
import type { Screen } from './screen.ts';
import { createStepBoard } from './step-board.ts';

/** Shows the steps while the operation runs, then its report, and sets the exit code. */
export async function showOperation(
  kind: OperationKind,
  nodes: readonly string[],
  screen: Screen,
  run: (onProgress: (progress: OperationProgress) => void) => Promise<OperationReport | RolloutReport>,
): Promise<void> {
  const board = createStepBoard(kind, nodes, screen);
  try {
    const report = await run((progress) => board.show(progress));
    await board.close();
    if (screen.isJson) screen.json(report);
    else screen.print(formatReport(report, screen));
    process.exitCode = reportExitCode(report);
  } finally {
    await board.close();
  }
}
