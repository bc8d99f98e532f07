import type { Lane, LoadTarget } from './lane.ts';
import { type Payload, UniqueObjects } from './payloads.ts';
import { type Sizes, storedSizes } from './tasks.ts';

/** Makes objects of any length; of each length the content that its objects share is made once. */
export type MakeFresh = (lengthBytes: number) => Payload;

export function freshObjects(): MakeFresh {
  const bySize = new Map<number, UniqueObjects>();
  return (lengthBytes) => {
    const objects = bySize.get(lengthBytes) ?? new UniqueObjects(lengthBytes);
    bySize.set(lengthBytes, objects);
    return objects.take();
  };
}

interface StoragePlan {
  readonly operation: 'put' | 'session';
  readonly sizes: Sizes;
  readonly objects: number;
  readonly concurrency: number;
}

/** Stores the objects that a load is to read, and returns them. Throws where the server takes one of them not. */
export async function storeObjects(
  target: LoadTarget,
  fresh: MakeFresh,
  { operation, sizes, objects, concurrency }: StoragePlan,
  signal?: AbortSignal,
): Promise<Payload[]> {
  const payloads = storedSizes(sizes, objects).map(fresh);
  const waiting = payloads.values();
  const drain = async (lane: Lane) => {
    for (const payload of waiting) {
      signal?.throwIfAborted();
      await lane.run({ operation, payload });
    }
  };
  const lanes = Array.from({ length: Math.min(concurrency, payloads.length) }, () => target.openLane(() => undefined));
  try {
    await Promise.all(lanes.map(drain));
  } finally {
    for (const lane of lanes) lane.close();
  }
  return payloads;
}
