import {
  type OperationKind,
  type OperationProgress,
  type OperationReport,
  type RolloutReport,
  reportExitCode,
} from '@lameduck/core';
import { formatReport } from './report-view.ts';
import type { Screen } from './screen.ts';
import { createStepBoard, type StepBoard } from './step-board.ts';

/** Shows the steps of one operation while the operation runs, then its report, and sets the exit code. */
export function showOperation(
  kind: OperationKind,
  nodes: readonly string[],
  screen: Screen,
  run: (onProgress: (progress: OperationProgress) => void) => Promise<OperationReport | RolloutReport>,
): Promise<void> {
  return showOn(createStepBoard(kind, nodes, screen), screen, run);
}

/** The same on a board that is there already. */
export async function showOn(
  board: StepBoard,
  screen: Screen,
  run: (onProgress: (progress: OperationProgress) => void) => Promise<OperationReport | RolloutReport>,
): Promise<void> {
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
