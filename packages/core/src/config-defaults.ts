/** Every default of the configuration, each with its reason. */
export const defaults: {
  readonly workers: number;
  readonly stateDirectory: string;
  readonly quiesceTimeoutMs: number;
  readonly timeoutGracefulShutdownMs: number;
  readonly marginMs: number;
  readonly startupTimeoutMs: number;
  readonly minAvailable: number;
  readonly holdMs: number;
  readonly require: 'all' | 'quorum';
  readonly lingerMs: number;
  readonly keepAliveMs: number;
  readonly reloadMs: number;
  readonly leastMinReadyMs: number;
  readonly mostMinReadyMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly readinessPath: string;
  readonly livenessPath: string;
  readonly healthPath: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly rise: number;
  readonly fall: number;
  readonly passiveErrors: number;
  readonly passiveWithinMs: number;
  readonly rolloutBatch: number;
  readonly soakMs: number;
  readonly maxErrorRate: number;
  readonly maxP99Ratio: number;
  readonly minRequests: number;
  readonly hookTimeoutMs: number;
} = {
  // one process uses one core; two let one be replaced while the other serves
  workers: 2,
  // beside the config file: no root needed, and a second service has its own
  stateDirectory: '.lameduck',
  // an old nginx worker may wait client_header_timeout (60 s) for a connection that has said nothing
  quiesceTimeoutMs: 90_000,
  // as Gunicorn's graceful_timeout
  timeoutGracefulShutdownMs: 30_000,
  // room for the master to kill and reap before the controller does
  marginMs: 5000,
  // imports of a large Python application take long on a loaded machine
  startupTimeoutMs: 60_000,
  minAvailable: 1,
  // as kamal-proxy's pause: most clients wait that long
  holdMs: 30_000,
  // an edge that does not answer is looked after before anybody is signalled
  require: 'all',
  // longer than the upstream keep-alive time of the edge (4 s), so that the edge closes idle connections first
  lingerMs: 6000,
  keepAliveMs: 15_000,
  // one worker at a time starts and meets code that was never run; a reload may last, an answer may not. What is new
  // serves its first thousand requests more slowly, so that more workers, with more traffic, need less time each
  reloadMs: 8000,
  // what dies of its first requests has met them by then
  leastMinReadyMs: 1000,
  mostMinReadyMs: 4000,
  // longer than any legal synchronous work; a hung event loop helps nobody for longer
  heartbeatTimeoutMs: 30_000,
  // under a folder of its own, so that no application has the path already
  readinessPath: '/-/ready',
  livenessPath: '/-/live',
  healthPath: '/healthz',
  intervalMs: 1000,
  timeoutMs: 1000,
  rise: 2,
  fall: 3,
  // only where `passive` is asked for
  passiveErrors: 5,
  passiveWithinMs: 10_000,
  rolloutBatch: 1,
  // only where there is a canary; long enough for a cold start to be over and for a few hundred requests
  soakMs: 30_000,
  // of the canary's requests; below it are the errors that every service has
  maxErrorRate: 0.01,
  // a new process is slower than a warm one, but not by more
  maxP99Ratio: 2,
  // one error in fewer would be more than a hundredth already
  minRequests: 100,
  // a copy of an application and its dependencies
  hookTimeoutMs: 300_000,
};
