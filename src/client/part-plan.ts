import { ArtifortressError, invalidArgument } from './errors.ts';
import type { PartBounds } from './types.ts';

/** One part: its number from 1, and its bytes from `start` up to, and not including, `end`. */
export interface PlannedPart {
  readonly partNumber: number;
  readonly start: number;
  readonly end: number;
}

/** Part sizes are whole MiB, so that a part starts where a page of the file does. */
const PART_GRANULE_BYTES = 1024 * 1024;

/**
 * Cuts content into parts within the bounds of the session: of the size asked for, or else suggested, or else the least
 * that keeps the number of parts within what the store takes. All parts but the last are equal.
 */
export function planParts(lengthBytes: number, bounds: PartBounds, wantedPartSizeBytes?: number): PlannedPart[] {
  if (wantedPartSizeBytes !== undefined && !(wantedPartSizeBytes > 0)) {
    throw invalidArgument('A part has at least one byte.');
  }
  const wanted = Math.max(wantedPartSizeBytes ?? bounds.suggestedPartSizeBytes, bounds.minimumPartSizeBytes, 1);
  const leastForCount = Math.ceil(lengthBytes / bounds.maximumPartNumber);
  const least = Math.ceil(leastForCount / PART_GRANULE_BYTES) * PART_GRANULE_BYTES;
  const sizeBytes = Math.min(
    Math.max(Math.floor(wanted), wanted < leastForCount ? least : 0),
    bounds.maximumPartSizeBytes,
  );
  const count = Math.ceil(lengthBytes / sizeBytes);
  if (count > bounds.maximumPartNumber) {
    const most = bounds.maximumPartNumber * bounds.maximumPartSizeBytes;
    throw new ArtifortressError({
      code: 'payload_too_large',
      message: `${lengthBytes} bytes do not fit in one upload: this server takes at most ${most}.`,
    });
  }
  return Array.from({ length: count }, (_, index) => ({
    partNumber: index + 1,
    start: index * sizeBytes,
    end: Math.min((index + 1) * sizeBytes, lengthBytes),
  }));
}
