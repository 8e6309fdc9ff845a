/** What one node, or all, did between two samples. */
export interface TrafficRates {
  readonly requests: number;
  readonly errors: number;
  /** Of the answers that ended in this time; missing where none did. */
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

/** What the edges counted since the sample before it, all together; one each second. */
export interface TrafficSample {
  /** Time of day, milliseconds since 1970. */
  readonly atMs: number;
  /** What it spans: a second, or more where an edge was slow. */
  readonly spanMs: number;
  readonly nodes: Readonly<Record<string, TrafficRates & { readonly inFlight: number }>>;
  readonly total: TrafficRates;
  /** Edges that count nothing (reload mode), so that what goes through them is missing here. */
  readonly uncounted?: readonly string[];
}
