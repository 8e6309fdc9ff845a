import { readFileSync } from 'node:fs';
import type { FilePreview } from '../../ports/edge.ts';
import { withOut } from './gate-state.ts';
import type { Opened } from './opened.ts';
import { fileTexts } from './plan.ts';

/**
 * The files of the edge as they are on disk and as they would be with these nodes out, or back, without the token that opens the gate;
 * touches nothing.
 */
export function previewFiles(
  opened: Opened,
  nodes: readonly string[],
  isOut: boolean,
): readonly FilePreview[] {
  const { spec, files, plan } = opened;
  const former = [...spec.state.out.keys()];
  const out = isOut ? [...former, ...nodes] : former.filter((node) => !nodes.includes(node));
  const state = withOut(spec.state, out);
  if (state === spec.state) return [];
  // the gate needs no reload, and so no new generation
  const generation = plan.mode === 'gate' ? spec.generation : spec.generation + 1;
  const texts = fileTexts(files, { ...spec, state, generation });
  const hide = (text: string): string => text.replaceAll(spec.token, '…');
  return [...texts].map(([path, after]) => ({ path, before: hide(readText(path)), after: hide(after) }));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
