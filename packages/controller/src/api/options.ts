import type { TrafficSample } from '@lameduck/core';
import type { Controller } from '../controller.ts';

/** What the edges counted, a second at a time. */
export interface TrafficFeed {
  /** The returned function ends it. */
  subscribe(listener: (sample: TrafficSample) => void): () => void;
  window(sinceMs: number): readonly TrafficSample[];
}

/** What the API is given besides the controller, whose own traffic and metrics it tells where no others are given. */
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
  readonly traffic: TrafficFeed;
  readonly metrics: () => Promise<string>;
}
