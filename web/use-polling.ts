import { useEffect, useRef } from 'preact/hooks';

/** Runs `work` every so often, while somebody can see the page. */
export function usePolling(work: () => void, intervalMs: number): void {
  const latest = useRef(work);
  latest.current = work;
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) latest.current();
    }, intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs]);
}
