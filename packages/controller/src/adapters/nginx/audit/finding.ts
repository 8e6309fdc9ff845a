import type { EdgeMode } from '../../../ports/edge.ts';
import type { NginxBuild } from '../build.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Directive } from '../config/tree.ts';

/** Something in the user's configuration that loses requests, or that keeps us from knowing whether it does. */
export interface EdgeFinding {
  /** Stable name of the rule; public, as error codes are. */
  readonly rule: string;
  /** `warning`: requests are lost. `note`: good to know. */
  readonly level: 'warning' | 'note';
  /** What is lost and when. */
  readonly text: string;
  readonly file: string;
  readonly line: number;
  /** What to write instead. */
  readonly fix: string;
}

/** A node as the rules need it. */
export interface AuditNode {
  readonly name: string;
  /** Its address as configured and as resolved. */
  readonly addresses: readonly string[];
  /** How long it keeps an idle connection; `undefined` where that is the node's own affair. */
  readonly keepAliveMs: number | undefined;
}

/** What the rules look at. */
export interface AuditInput {
  readonly config: LoadedConfig;
  readonly service: string;
  /** The file that is ours; nothing in it is a finding. */
  readonly include: string;
  readonly mode: EdgeMode;
  readonly build: NginxBuild;
  readonly nodes: readonly AuditNode[];
  readonly timeoutGracefulShutdownMs: number;
  /** Whether the kernel moves waiting connections when a socket of `reuseport` closes. */
  readonly migratesRequests: boolean;
}

export function finding(
  level: EdgeFinding['level'],
  rule: string,
  at: Directive,
  text: string,
  fix: string,
): EdgeFinding {
  return { rule, level, text, file: at.file, line: at.line, fix };
}
