import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Why tests with an authority of their own cannot run here; false where they can. */
export const noOpenssl: string | false =
  spawnSync('openssl', ['version']).error === undefined ? false : 'openssl is missing';

const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];

/** An authority of this folder, and what it has signed for `localhost`. */
export function makeCertificates(folder: string): {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
} {
  const file = (name: string): string => join(folder, name);
  const sign = (...args: string[]): unknown =>
    execFileSync('openssl', ['req', '-x509', ...key, ...args], { stdio: 'pipe' });
  sign('-subj', '/CN=tests of lameduck', '-keyout', file('ca.key'), '-out', file('ca.pem'));
  sign(
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
    ...['-addext', 'basicConstraints=critical,CA:FALSE'],
    ...['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-keyout', file('api.key'), '-out', file('api.pem')],
  );
  return { ca: file('ca.pem'), cert: file('api.pem'), key: file('api.key') };
}
