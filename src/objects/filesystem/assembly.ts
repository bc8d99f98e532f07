import { StoreError } from '../errors.ts';
import { type CompletedObject, PART_LIMITS } from '../object-store.ts';
import type { PartFile } from './layout.ts';

/** A part of an object that is complete. */
export type PartOfObject = Pick<PartFile, 'partNumber' | 'sizeBytes' | 'sha256'>;

/** A part as a client names it at completion. */
export interface NamedPart {
  partNumber: number;
  etag: string;
}

/** The files of the named parts. @throws StoreError `invalid_part`. */
export function selectParts(current: readonly PartFile[], wanted: readonly NamedPart[]): PartFile[] {
  const byNumber = new Map(current.map((part) => [part.partNumber, part]));
  return wanted.map(({ partNumber, etag }, index) => {
    const part = byNumber.get(partNumber);
    if (part === undefined) throw new StoreError('invalid_part', `part ${partNumber} was not uploaded`);
    if (part.etag !== etag) throw new StoreError('invalid_part', `part ${partNumber} has another ETag: "${part.etag}"`);
    const last = index === wanted.length - 1;
    if (!last && part.sizeBytes < PART_LIMITS.minimumBytes) {
      throw new StoreError(
        'invalid_part',
        `part ${partNumber} has ${part.sizeBytes} bytes; all but the last need at least ${PART_LIMITS.minimumBytes}`,
      );
    }
    return part;
  });
}

export function sameParts(parts: readonly PartOfObject[], wanted: readonly NamedPart[]): boolean {
  return (
    parts.length === wanted.length &&
    parts.every((part, index) => part.partNumber === wanted[index]?.partNumber && part.sha256 === wanted[index]?.etag)
  );
}

export function completedObject(parts: readonly PartOfObject[]): CompletedObject {
  const [first, second] = parts;
  return {
    lengthBytes: parts.reduce((sum, part) => sum + part.sizeBytes, 0),
    parts: parts.map(({ partNumber, sizeBytes, sha256 }) => ({ partNumber, sizeBytes, etag: sha256 })),
    sha256: second === undefined ? first?.sha256 : undefined,
  };
}
