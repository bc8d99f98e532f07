import { GIB_BYTES } from '../bench/units.ts';
import type { Envelope, Sample } from './results.ts';
import { startSampler, type Watched } from './sampler.ts';

const MICROSECONDS_A_SECOND = 1_000_000;

/** What was done under watch, and what it took. */
export interface Watch<Result> {
  readonly result: Result;
  readonly envelope: Envelope;
  readonly samples: readonly Sample[];
}

/** Does some work while a server's resources are sampled. `bytesOf` tells how many payload bytes moved. */
export async function watching<Result>(
  watched: Watched,
  work: () => Promise<Result>,
  bytesOf: (result: Result) => number,
): Promise<Watch<Result>> {
  watched.usage.resetPeakMemory();
  const clientBefore = process.cpuUsage();
  const sampler = startSampler(watched);
  let result: Result;
  let samples: Sample[];
  try {
    result = await work();
  } finally {
    samples = await sampler.stop();
  }
  const client = process.cpuUsage(clientBefore);
  const cpuSeconds = samples.at(-1)?.cpuSeconds ?? 0;
  const bytes = bytesOf(result);
  const envelope: Envelope = {
    peakRssBytes: watched.usage.peakMemory().serverBytes,
    postgresqlPeakPssBytes: largest(samples.map(({ postgresqlPssBytes }) => postgresqlPssBytes)),
    cpuSeconds,
    cpuSecondsPerGib: bytes === 0 ? null : cpuSeconds / (bytes / GIB_BYTES),
    clientCpuSeconds: (client.user + client.system) / MICROSECONDS_A_SECOND,
    eventLoopMaximumMs: largest(samples.map(({ eventLoopMaximumMs }) => eventLoopMaximumMs)),
    peakPoolWaiting: largest(samples.map(({ poolWaiting }) => poolWaiting)),
    peakSockets: Math.max(...samples.map(({ sockets }) => sockets)),
    peakDatabaseConnections: Math.max(...samples.map(({ databaseConnections }) => databaseConnections)),
    writtenBytes: (samples.at(-1)?.writtenBytes ?? 0) - (samples[0]?.writtenBytes ?? 0),
  };
  return { result, envelope, samples };
}

function largest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
