import { userInfo } from 'node:os';

/** Who runs this command, as other operators are told: `anna (pid 4711)`. */
export function whoAmI(): string {
  return `${userName()} (pid ${process.pid})`;
}

/** A user without an entry in the password file has a number only. */
function userName(): string {
  try {
    return userInfo().username.replace(/[^\x20-\x7e]/g, '?');
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
