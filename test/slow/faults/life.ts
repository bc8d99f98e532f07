import { sha256, uniqueBytes } from '../../support/uploading.ts';
import { REPO, type World } from './world.ts';

/** What one artifact has gone through, as its client knows it. */
export interface Life {
  readonly world: World;
  /** What is sent; what was declared may be something else. */
  readonly parts: readonly Buffer[];
  readonly checksummed: boolean;
  readonly digest: string;
  readonly lengthBytes: number;
  /** `/v1/repos/<repoKey>/uploads/<uploadId>` of the session that the client goes on with. */
  path: string;
  /** The parts that were asked for, by their numbers. */
  readonly targets: Map<number, { uploadUrl: string; headers: Record<string, string> }>;
  readonly etags: Map<number, string>;
}

export interface LifeOptions {
  sizes?: readonly number[];
  checksummed?: boolean;
  /** Sends other bytes than were declared, as many. */
  wrongBytes?: boolean;
}

export function beginLife(world: World, options: LifeOptions): Life {
  const parts = (options.sizes ?? [1000]).map((size) => uniqueBytes(size));
  const declared = options.wrongBytes === true ? parts.map((part) => uniqueBytes(part.length)) : parts;
  const bytes = Buffer.concat(declared);
  return {
    world,
    parts,
    checksummed: options.checksummed === true,
    digest: sha256(bytes),
    lengthBytes: bytes.length,
    path: '',
    targets: new Map(),
    etags: new Map(),
  };
}

export function blobPath({ digest }: Pick<Life, 'digest'>): string {
  return `/v1/repos/${REPO}/blobs/${digest}`;
}
