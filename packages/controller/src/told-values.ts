/**
 * The same values, which tell when one of them is set to another, whoever sets it: of hundreds of records few change, and to
 * look for those costs more than all that is made of them.
 */
export function tellChanges<T extends object>(values: T, onTouch: () => void): T {
  return new Proxy(values, {
    set(target, name, value) {
      const was: unknown = Reflect.get(target, name);
      Reflect.set(target, name, value);
      if (was !== value) onTouch();
      return true;
    },
  });
}

/** A set that tells when it may have changed. */
export class ToldSet<T> extends Set<T> {
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    super();
    this.#onChange = onChange;
  }

  override add(value: T): this {
    super.add(value);
    this.#onChange();
    return this;
  }

  override delete(value: T): boolean {
    const was = super.delete(value);
    if (was) this.#onChange();
    return was;
  }

  override clear(): void {
    super.clear();
    this.#onChange();
  }
}
