import type { TrafficSample } from '@lameduck/core';
import type { Controller } from '../controller.ts';

/** What the edges counted, a second at a time. */
export interface TrafficFeed {
  /** The returned function ends it. */
  subscribe(listener: (sample: TrafficSample) => void): () => void;
  window(sinceMs: number): readonly TrafficSample[];
}

/** What the API is given besides the controller; a part that is missing is answered with 404 and says so. */
export interface ApiOptions {
  /** Of lameduck. */
  readonly version?: string;
  readonly traffic?: TrafficFeed;
  /** Text for Prometheus. */
  readonly metrics?: () => Promise<string>;
  /** Folder of the built console. */
  readonly console?: string;
}

export interface ApiParts extends ApiOptions {
  readonly controller: Controller;
}
