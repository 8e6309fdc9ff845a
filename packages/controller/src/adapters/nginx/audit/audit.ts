import { listSites, type Site } from '../config/follow.ts';
import { realPath } from '../config/load.ts';
import { named } from '../config/tree.ts';
import { type AuditInput, type EdgeFinding, finding } from './finding.ts';
import { checkMain } from './main-rules.ts';
import { checkSite } from './site-rules.ts';
import { checkBypasses } from './upstream-rules.ts';

/** Names what in the user's configuration would lose requests and why, each thing once, in the order of the files. */
export function auditConfig(input: AuditInput): readonly EdgeFinding[] {
  const isOwn = (file: string): boolean => realPath(file) === realPath(input.include);
  const sites = listSites(input.config.tree).filter(({ pass }) => !isOwn(pass.file));
  const ours = sites.filter((site) => !site.isStream && site.targets.includes(input.service));
  const found = [
    ...checkMain(input, ours),
    ...ours.flatMap((site) => checkSite(site, input)),
    ...checkBypasses(input, sites),
    ...unfollowed(sites),
    ...unused(input, sites, ours),
  ];
  return inOrder(
    found.filter(({ file }) => !isOwn(file)),
    input.config.files,
  );
}

function unfollowed(sites: readonly Site[]): readonly EdgeFinding[] {
  return sites
    .filter(({ unknown }) => unknown.length > 0)
    .map(({ pass, unknown }) => {
      const text = `cannot follow ${pass.name} ${pass.words[0]}: only a request tells ${unknown.join(', ')}; whether it goes to the service or past it is not checked`;
      return finding('note', 'not-followed', pass, text, 'a name that is known, or look yourself');
    });
}

function unused(
  { config, service }: AuditInput,
  sites: readonly Site[],
  ours: readonly Site[],
): readonly EdgeFinding[] {
  const [http] = named(config.tree, 'http');
  if (http === undefined || ours.length > 0) return [];
  const isCertain = sites.every(({ unknown }) => unknown.length === 0);
  const text = `no proxy_pass goes to upstream "${service}"${isCertain ? '' : ' as far as it can be followed'}: requests do not go through lameduck, so that each stop of a node loses some`;
  return [finding('warning', 'not-used', http, text, `location / { proxy_pass http://${service}; }`)];
}

function inOrder(findings: readonly EdgeFinding[], files: readonly string[]): readonly EdgeFinding[] {
  const once = new Map(findings.map((one) => [`${one.rule} ${one.file}:${one.line} ${one.text}`, one]));
  const place = ({ file }: EdgeFinding): number => files.indexOf(file);
  return [...once.values()].sort((one, other) => place(one) - place(other) || one.line - other.line);
}
