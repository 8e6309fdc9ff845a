import { type Directive, named } from './tree.ts';

/** The directives of this name that hold here: those of the nearest block that has any, as nginx inherits. */
export function effectiveAll(name: string, parents: readonly Directive[]): readonly Directive[] {
  for (const parent of parents) {
    const found = named(parent.block, name);
    if (found.length > 0) return found;
  }
  return [];
}

/** The one directive of this name that holds here. */
export function effective(name: string, parents: readonly Directive[]): Directive | undefined {
  return effectiveAll(name, parents).at(-1);
}
