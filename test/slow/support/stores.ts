import { inject } from 'vitest';
import type { Settings } from '../../../src/kernel/settings.ts';
import { s3Settings } from '../../support/test-server.ts';

export type StoreName = 'folder' | 'minio' | 'versitygw';

/** The settings of a server on each store that is here: without S3 servers, only the folder, as the notice of the run says. */
export function storesAtHand(...wanted: readonly StoreName[]): [StoreName, () => Partial<Settings>][] {
  const servers = inject('s3Servers');
  return wanted.flatMap((name): [StoreName, () => Partial<Settings>][] => {
    if (name === 'folder') return [[name, () => ({})]];
    return servers === null ? [] : [[name, () => s3Settings(servers[name])]];
  });
}
