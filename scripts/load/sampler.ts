import { statfsSync } from 'node:fs';
import { Connection } from '../bench/http-connection.ts';
import type { ProcessTree } from '../bench/process-usage.ts';
import type { Sample } from './results.ts';

/** The server whose resources are watched. */
export interface Watched {
  readonly port: number;
  readonly usage: ProcessTree;
  /** Somewhere on the file system that it writes to. */
  readonly dataFolder: string;
  /** Whether it has metrics of ours to ask for. */
  readonly hasMetrics: boolean;
}

const DEFAULT_INTERVAL_MS = 1_000;

/** Looks at a server again and again until it is stopped. */
export interface Sampler {
  /** Takes a last look, and returns all of them in order. */
  stop(): Promise<Sample[]>;
}

/**
 * Watches what a server takes of the machine: from Linux by /proc, and by the server's own metrics what only it can know. A figure
 * that its version does not tell is null.
 */
export function startSampler(watched: Watched, intervalMs = DEFAULT_INTERVAL_MS): Sampler {
  const connection = new Connection(watched.port);
  const samples: Sample[] = [];
  const startedAtMs = performance.now();
  const startUsage = watched.usage.cpuTime();
  let busy: Promise<void> = Promise.resolve();

  const look = async (): Promise<void> => {
    const atSeconds = (performance.now() - startedAtMs) / 1000;
    const cpu = watched.usage.cpuTime();
    const postgresqlPssBytes = await watched.usage.databaseMemory();
    const metrics = valuesOf(watched.hasMetrics ? await readMetrics(connection) : '');
    samples.push({
      atSeconds,
      rssBytes: watched.usage.residentMemory().serverBytes,
      postgresqlPssBytes,
      cpuSeconds: cpu.totalSeconds - startUsage.totalSeconds,
      postgresqlCpuSeconds: cpu.postgresqlSeconds - startUsage.postgresqlSeconds,
      ...watched.usage.openHandles(),
      writtenBytes: watched.usage.writtenBytes(),
      diskUsedBytes: diskUsedBytes(watched.dataFolder),
      eventLoopP99Ms: inMilliseconds(metrics('nodejs_eventloop_lag_p99_seconds')),
      eventLoopMaximumMs: inMilliseconds(metrics('nodejs_eventloop_lag_max_seconds')),
      heapUsedBytes: metrics('nodejs_heap_size_used_bytes'),
      poolInUse: metrics('artifortress_database_pool_connections', 'in_use'),
      poolWaiting: metrics('artifortress_database_pool_waiting'),
    });
  };
  const timer = setInterval(() => {
    busy = busy.then(look);
  }, intervalMs);
  busy = look();

  return {
    async stop() {
      clearInterval(timer);
      await busy.then(look);
      connection.close();
      return samples;
    },
  };
}

/** Reads the server's metrics; nothing where it can't be asked just now. */
async function readMetrics(connection: Connection): Promise<string> {
  try {
    const reply = await connection.request({ step: 'metrics', method: 'GET', target: '/metrics', take: 'text' });
    return reply.status === 200 ? reply.text : '';
  } catch {
    connection.close();
    return '';
  }
}

/** Finds values in the text format of Prometheus, by their name and the value of a label. */
function valuesOf(text: string): (name: string, labelValue?: string) => number | null {
  return (name, labelValue) => {
    const labels = labelValue === undefined ? '' : `\\{[^}]*"${labelValue}"[^}]*\\}`;
    const found = new RegExp(`^${name}${labels} (\\S+)`, 'm').exec(text)?.[1];
    const value = Number(found);
    return found === undefined || !Number.isFinite(value) ? null : value;
  };
}

function inMilliseconds(seconds: number | null): number | null {
  return seconds === null ? null : seconds * 1000;
}

function diskUsedBytes(folder: string): number {
  const { blocks, bfree, bsize } = statfsSync(folder);
  return (blocks - bfree) * bsize;
}
