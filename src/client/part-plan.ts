import { ArtifortressError, invalidArgument } from './errors.ts';
import type { HeldPart, PartBounds } from './types.ts';

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

/**
 * The size that parts were cut to, by those that the store holds: all but the last are equal, so that the largest tells it. Undefined
 * where none is held, or only the last one.
 */
export function measuredPartSize(held: readonly HeldPart[], lengthBytes: number): number | undefined {
  const sizeBytes = Math.max(0, ...held.map((part) => part.sizeBytes));
  const isFirst = held.some((part) => part.sizeBytes === sizeBytes && part.partNumber * sizeBytes <= lengthBytes);
  return sizeBytes > 0 && isFirst ? sizeBytes : undefined;
}

/** What of the plan the store holds already, and what is still to be sent: a part of another size is sent again. */
export function splitHeld(
  plan: readonly PlannedPart[],
  held: readonly HeldPart[],
): { held: HeldPart[]; missing: PlannedPart[]; heldBytes: number } {
  const byNumber = new Map(held.map((part) => [part.partNumber, part]));
  const kept: HeldPart[] = [];
  const missing: PlannedPart[] = [];
  for (const part of plan) {
    const found = byNumber.get(part.partNumber);
    if (found?.sizeBytes === part.end - part.start) kept.push(found);
    else missing.push(part);
  }
  return { held: kept, missing, heldBytes: kept.reduce((sum, part) => sum + part.sizeBytes, 0) };
}
