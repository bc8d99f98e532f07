import { useEffect, useRef, useState } from 'preact/hooks';

/** Over how long the speed is averaged. */
const WINDOW_MS = 5_000;

/** Bytes a second over the last few seconds; null until that is known. It starts anew whenever `isMoving` becomes true. */
export function useRate(doneBytes: number, isMoving: boolean): number | null {
  const samples = useRef<{ atMs: number; bytes: number }[]>([]);
  const [rate, setRate] = useState<number | null>(null);
  useEffect(() => {
    if (!isMoving) {
      samples.current = [];
      setRate(null);
      return;
    }
    const atMs = performance.now();
    samples.current = [
      ...samples.current.filter((sample) => atMs - sample.atMs < WINDOW_MS),
      { atMs, bytes: doneBytes },
    ];
    const first = samples.current[0];
    if (first !== undefined && atMs - first.atMs > WINDOW_MS / 10) {
      setRate(Math.max(0, ((doneBytes - first.bytes) / (atMs - first.atMs)) * 1000));
    }
  }, [doneBytes, isMoving]);
  return rate;
}
