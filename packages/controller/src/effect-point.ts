import type { OperationEffect, OperationKind } from '@lameduck/core';

/** The effects that touch the world or wait for it. */
export type ShellEffect = Exclude<OperationEffect['type'], 'startTimer' | 'cancelTimer' | 'finish'>;

/**
 * A place before or after one effect of an operation; `begin` and `settle` are its first and last write to the store,
 * `desire` the write of what the edges shall do, `acknowledge` the answer of one of them.
 */
export interface EffectPoint {
  readonly operation: OperationKind;
  readonly node: string;
  readonly effect: ShellEffect | 'begin' | 'settle' | 'desire' | 'acknowledge';
  readonly when: 'before' | 'after';
}

/** Told of each place as it is reached: where a test ends the controller. */
export type OnEffect = (point: EffectPoint) => void;
