import { existsSync } from 'node:fs';
import { readHistory, tryFolder, tryTcpApi } from '@lameduck/controller';
import { type ApiConfig, formatAddress } from '@lameduck/core';
import { readApiFiles } from '../read-api-files.ts';
import type { Service } from '../service.ts';
import { type Finding, failed, ok, warning } from './finding.ts';

/** What the controller itself needs of this host: its state folder and store, and the files and port of its API. */
export async function checkHost(service: Service, isUp: boolean): Promise<readonly Finding[]> {
  const { config, paths } = service;
  return [
    ...attempt('state', () => {
      tryFolder(paths.state);
      if (!isUp && isAtRest(paths.store)) readHistory(paths.store, 1);
      return [];
    }),
    ...(config.api === undefined ? [] : await checkApi(config.api, paths.folder, isUp)),
  ];
}

/** Whoever runs holds it, and has found it well; what a killed controller was writing only the next one may take back. */
function isAtRest(store: string): boolean {
  return existsSync(store) && !existsSync(`${store}-journal`);
}

async function checkApi(api: ApiConfig, folder: string, isUp: boolean): Promise<readonly Finding[]> {
  const files = attempt('api', () => {
    const { isOpen } = readApiFiles(api, folder);
    return [
      ok('api', `on ${formatAddress(api.listen)}${api.tls === undefined ? '' : ', with TLS'}`),
      ...isOpen.map((file) =>
        warning('api', `token file ${file} is readable by others: chmod 600 is wanted`),
      ),
    ];
  });
  if (isUp) return files;
  try {
    await tryTcpApi(api.listen);
    return files;
  } catch (thrown) {
    return [...files.filter(({ level }) => level !== 'ok'), failed('api', thrown)];
  }
}

function attempt(subject: string, work: () => readonly Finding[]): readonly Finding[] {
  try {
    return work();
  } catch (thrown) {
    return [failed(subject, thrown)];
  }
}
