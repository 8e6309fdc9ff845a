/** How the daemon's version relates to the page's; pages outlive upgrades in open tabs and in caches. */
export type Skew = 'same' | 'older' | 'newer' | 'unknown';

/** Versions that differ in the last number alone are the same to the page. */
export function compareVersions(daemon: string | undefined, page: string): Skew {
  const ours = numbers(page);
  const theirs = daemon === undefined ? undefined : numbers(daemon);
  if (ours === undefined || theirs === undefined) return 'unknown';
  const [major, minor] = [theirs[0] - ours[0], theirs[1] - ours[1]];
  const difference = major === 0 ? minor : major;
  if (difference === 0) return 'same';
  return difference < 0 ? 'older' : 'newer';
}

function numbers(version: string): readonly [number, number] | undefined {
  const match = /^v?(\d+)\.(\d+)/.exec(version);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}
