import { LameduckError } from '@lameduck/core';
import { type Gunicorn, type GunicornSearch, runTool } from './find-gunicorn.ts';

/** What the Python of a Gunicorn has installed. */
export interface PythonPackages {
  /** `uvicorn_worker.UvicornWorker`, or `uvicorn.workers.UvicornWorker` before they were split. */
  readonly workerClass: string | undefined;
  /** Gunicorn has its own control socket since 25.1. */
  readonly hasControlSocket: boolean;
}

// find_spec looks for a module without running it; for a submodule it must import the package around it.
const probe = `
from importlib.util import find_spec
def has(name):
    try:
        return find_spec(name) is not None
    except Exception:
        return False
print("UvicornWorker" if has("uvicorn_worker") else "workers" if has("uvicorn.workers") else "none", has("gunicorn.ctl"))
`;

/** Asks Gunicorn's own Python. Throws `binaryMissing` where that cannot be run. */
export async function probePackages(
  gunicorn: Gunicorn,
  search: GunicornSearch,
  signal: AbortSignal,
): Promise<PythonPackages> {
  try {
    const printed = await runTool([gunicorn.python, '-c', probe], search, signal);
    const [worker, control] = printed.trim().split('\n').at(-1)?.split(' ') ?? [];
    return { workerClass: workerClasses[worker ?? ''], hasControlSocket: control === 'True' };
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    const message = `Cannot start "${search.node}": ${gunicorn.python} must run to tell its packages: current value is ${(thrown as Error).message}`;
    throw new LameduckError('binaryMissing', message, { node: search.node, python: gunicorn.python }, thrown);
  }
}

const workerClasses: Readonly<Record<string, string>> = {
  UvicornWorker: 'uvicorn_worker.UvicornWorker',
  workers: 'uvicorn.workers.UvicornWorker',
};

/** The error where no Uvicorn worker can be imported and none was configured. */
export function workerClassMissing(node: string, python: string): LameduckError {
  const message = `Cannot start "${node}": python package uvicorn-worker or uvicorn must be importable by ${python}: current value is none of them`;
  return new LameduckError('binaryMissing', message, { node, python });
}
