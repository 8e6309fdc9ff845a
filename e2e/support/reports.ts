import assert from 'node:assert/strict';
import type { NodeStatus, OperationReport, RolloutReport, ServiceStatus } from '@lameduck/core';
import type { CommandResult, RunningService } from './run-service.ts';

export function reportOf(result: CommandResult): OperationReport {
  assert.ok(result.json !== undefined, `no report: ${result.stdout}${result.stderr}`);
  return result.json as OperationReport;
}

export function rolloutOf(result: CommandResult): RolloutReport {
  assert.ok(result.json !== undefined, `no report: ${result.stdout}${result.stderr}`);
  return result.json as RolloutReport;
}

export async function statusOf(service: RunningService): Promise<ServiceStatus> {
  const { json, stderr } = await service.lameduck('status', '--json');
  assert.ok(json !== undefined, stderr);
  return json as ServiceStatus;
}

export async function nodeOf(service: RunningService, name: string): Promise<NodeStatus> {
  const node = (await statusOf(service)).nodes.find((candidate) => candidate.name === name);
  assert.ok(node);
  return node;
}
