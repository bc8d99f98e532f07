import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from '../components/icons.tsx';
import { ErrorNotice } from '../components/notices.tsx';
import { useConsole } from '../context.ts';
import { formatBytes } from '../format.ts';
import { Chart, type Series } from '../metrics/chart.tsx';
import { type Interval, intervalBetween, readSnapshot, type Snapshot } from '../metrics/snapshot.ts';
import { useLoaded } from '../use-loaded.ts';
import { usePolling } from '../use-polling.ts';

const POLL_MS = 5_000;
/** Five minutes. */
const CAPACITY = 60;

const perSecond = (value: number): string => `${value >= 100 ? Math.round(value) : Math.round(value * 10) / 10}/s`;
const seconds = (value: number): string => (value < 1 ? `${Math.round(value * 10_000) / 10} ms` : `${value} s`);

/** How the server does, since this page was opened: it keeps no history, which a Prometheus does. */
export function MetricsPanel() {
  const { client } = useConsole().session;
  const last = useRef<Snapshot | null>(null);
  const [intervals, setIntervals] = useState<readonly Interval[]>([]);
  const { value, error, isLoading, reload } = useLoaded('metrics', (signal) => client.service.metrics({ signal }));
  usePolling(() => {
    if (!isLoading) reload();
  }, POLL_MS);

  useEffect(() => {
    if (value === null || isLoading) return;
    const snapshot = readSnapshot(value, performance.now());
    const before = last.current;
    last.current = snapshot;
    if (before !== null) setIntervals((all) => [...all, intervalBetween(before, snapshot)].slice(-CAPACITY));
  }, [value, isLoading]);

  const of = (name: string, tone: Series['tone'], pick: (interval: Interval) => number | null): Series => ({
    name,
    tone,
    values: intervals.map(pick),
  });
  const shared = { capacity: CAPACITY, span: '5 minutes ago' };
  const counters = Object.keys(intervals.at(-1)?.bytes ?? {}).slice(0, 4);
  const tones = ['accent', 'warn', 'quiet', 'bad'] as const;
  return (
    <section class="panel" aria-labelledby="metrics">
      <div class="panel-head">
        <h2 id="metrics">
          <Icon name="health" />
          How it does
        </h2>
        <p class="live">
          <span class="live-dot" aria-hidden="true" /> Live
        </p>
      </div>
      {error !== null && <ErrorNotice error={error} onRetry={reload} />}
      {intervals.length === 0 && error === null && (
        <p class="hint" role="status">
          The first figures come in a few seconds.
        </p>
      )}
      <div class="charts">
        <Chart title="Requests" format={perSecond} series={[of('all', 'accent', (one) => one.requests)]} {...shared} />
        <Chart
          title="Errors"
          format={perSecond}
          series={[
            of('of the server (5xx)', 'bad', (one) => one.serverErrors),
            of('of clients (4xx)', 'warn', (one) => one.clientErrors),
          ]}
          {...shared}
        />
        <Chart
          title="Time to answer"
          format={seconds}
          series={[of('95 of 100 within', 'accent', (one) => one.p95Seconds)]}
          {...shared}
        />
        {counters.length > 0 ? (
          <Chart
            title="Throughput"
            isBytes
            format={(value) => `${formatBytes(value)}/s`}
            series={counters.map((name, index) =>
              of(wordsOf(name), tones[index] ?? 'quiet', (one) => one.bytes[name] ?? null),
            )}
            {...shared}
          />
        ) : (
          <Chart
            title="Memory"
            isBytes
            format={formatBytes}
            series={[of('resident', 'accent', (one) => one.residentBytes)]}
            {...shared}
          />
        )}
      </div>
      <p class="hint">
        Since this page was opened. A Prometheus that reads <code>/metrics</code> keeps what was before.
      </p>
    </section>
  );
}

/** The name of a counter in words: `artifortress_downloaded_bytes_total` is "downloaded". */
function wordsOf(name: string): string {
  return name
    .replace(/^artifortress_/, '')
    .replace(/_?bytes_total/, '')
    .replaceAll('_', ' ')
    .trim();
}
