/**
 * A reader of standard output or error that has gone (`lameduck run app.mjs | head`) must end no worker, whatever the
 * application writes. The streams are made when they are first used, which takes some milliseconds: not before.
 */
export function guardOutput(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const found = Object.getOwnPropertyDescriptor(process, name);
    const make = found?.get as (() => NodeJS.WriteStream) | undefined;
    if (found === undefined || make === undefined) continue;
    let guarded: NodeJS.WriteStream | undefined;
    const get = (): NodeJS.WriteStream => {
      const stream = make.call(process);
      if (stream !== guarded) stream.on('error', () => undefined);
      guarded = stream;
      return stream;
    };
    Object.defineProperty(process, name, { ...found, get });
  }
}
