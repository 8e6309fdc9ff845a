import type { Command } from 'commander';
export function addCheck(_: Command): void {}
