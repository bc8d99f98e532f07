import { z } from 'zod';
import type { LatencySummary } from '../../src/cli/bench/latencies.ts';
import type { LoadFigures } from '../../src/cli/bench/recorder.ts';
import { OPERATIONS } from '../../src/cli/bench/tasks.ts';
import type { Machine } from '../bench/machine.ts';

/** The files that the load commands write and the report reads. */

const latencySchema = z.object({
  count: z.int(),
  meanMs: z.number(),
  p50Ms: z.number(),
  p90Ms: z.number(),
  p99Ms: z.number(),
  p999Ms: z.number(),
  maximumMs: z.number(),
  curve: z.array(z.tuple([z.number(), z.number()]).readonly()).readonly(),
}) satisfies z.ZodType<LatencySummary>;

const figuresSchema = z.object({
  seconds: z.number(),
  operations: z
    .array(
      z.object({
        operation: z.enum(OPERATIONS),
        count: z.int(),
        bytes: z.number(),
        perSecond: z.number(),
        mibPerSecond: z.number(),
        latency: latencySchema,
        service: latencySchema,
      }),
    )
    .readonly(),
  steps: z.array(z.object({ step: z.string(), latency: latencySchema })).readonly(),
  errors: z.record(z.string(), z.int()),
  neverBegun: z.int(),
}) satisfies z.ZodType<LoadFigures>;

/** Proportional set sizes, in which what processes share counts once in all. Null where the kernel does not tell. */
const postgresqlMemorySchema = z.number().nullable();

const sampleSchema = z.object({
  atSeconds: z.number(),
  /** Of the server's own processes, without PostgreSQL's. */
  rssBytes: z.number(),
  postgresqlPssBytes: postgresqlMemorySchema,
  /** Since the first sample, with PostgreSQL's. */
  cpuSeconds: z.number(),
  postgresqlCpuSeconds: z.number(),
  files: z.int(),
  sockets: z.int(),
  databaseConnections: z.int(),
  writtenBytes: z.number(),
  /** Of the whole file system. */
  diskUsedBytes: z.number(),
  /** Since the sample before. */
  eventLoopP99Ms: z.number().nullable(),
  eventLoopMaximumMs: z.number().nullable(),
  heapUsedBytes: z.number().nullable(),
  poolInUse: z.number().nullable(),
  poolWaiting: z.number().nullable(),
});

/** What a server took of the machine at one moment. */
export type Sample = z.infer<typeof sampleSchema>;

const envelopeSchema = z.object({
  /** Of the server's own processes, without PostgreSQL's. */
  peakRssBytes: z.number(),
  /** The largest of the samples. */
  postgresqlPeakPssBytes: postgresqlMemorySchema,
  cpuSeconds: z.number(),
  /** Null where no bytes moved. */
  cpuSecondsPerGib: z.number().nullable(),
  /** What the load itself took beside the server, on the same cores. */
  clientCpuSeconds: z.number(),
  eventLoopMaximumMs: z.number().nullable(),
  peakPoolWaiting: z.number().nullable(),
  peakSockets: z.int(),
  peakDatabaseConnections: z.int(),
  writtenBytes: z.number(),
});

/** What a server took of the machine over a run. */
export type Envelope = z.infer<typeof envelopeSchema>;

const machineSchema = z.object({
  startedAtUtc: z.string(),
  commit: z.string(),
  cpu: z.string(),
  cores: z.int(),
  memoryGib: z.number(),
  kernel: z.string(),
  node: z.string(),
  postgresql: z.string(),
  fileSystem: z.string(),
  onProjectDisk: z.boolean(),
}) satisfies z.ZodType<Machine>;

const headSchema = z.object({
  machine: machineSchema,
  versions: z.record(z.string(), z.string()),
  missing: z.array(z.string()),
  /** What was typed. */
  command: z.string(),
  quick: z.boolean(),
  seed: z.int(),
});

/** Where, on what, and by which command a run was made. */
export type Head = z.infer<typeof headSchema>;

const pointSchema = z.object({
  subject: z.string(),
  /** The operation, or for a mix of several its name. */
  load: z.string(),
  concurrency: z.int(),
  ratePerSecond: z.number().nullable(),
  figures: figuresSchema,
  envelope: envelopeSchema,
});

/** One window of one load on one server. */
export type Point = z.infer<typeof pointSchema>;

const throughputSchema = headSchema.extend({
  kind: z.literal('throughput'),
  store: z.string(),
  sizes: z.string(),
  mix: z.string(),
  seconds: z.number(),
  points: z.array(pointSchema),
});

const growthSchema = headSchema.extend({
  kind: z.literal('growth'),
  concurrency: z.int(),
  secondsPerWindow: z.number(),
  databases: z.array(
    z.object({
      rows: z.int(),
      seededSeconds: z.number(),
      databaseBytes: z.number(),
      /** One a round. */
      rounds: z.array(figuresSchema),
    }),
  ),
  plans: z.object({
    rows: z.int(),
    statements: z.array(
      z.object({
        text: z.string(),
        nodes: z.array(z.string()),
        /** The tables that grow and that it reads from one end to the other. */
        sequentialScans: z.array(z.string()),
      }),
    ),
  }),
});

const slowSchema = headSchema.extend({
  kind: z.literal('slow'),
  downloads: z.int(),
  uploads: z.int(),
  holdSeconds: z.number(),
  bytesPerSecondEach: z.number(),
  errors: z.record(z.string(), z.int()),
  downloadsHeld: z.int(),
  downloadsVerified: z.int(),
  uploadsCommitted: z.int(),
  /** Of small requests by others meanwhile. */
  bystander: latencySchema,
  envelope: envelopeSchema,
  samples: z.array(sampleSchema).readonly(),
});

const soakSchema = headSchema.extend({
  kind: z.literal('soak'),
  minutes: z.number(),
  mix: z.string(),
  sizes: z.string(),
  ratePerSecond: z.number(),
  concurrency: z.int(),
  figures: figuresSchema,
  envelope: envelopeSchema,
  samples: z.array(sampleSchema).readonly(),
});

export type ThroughputResult = z.infer<typeof throughputSchema>;
export type GrowthResult = z.infer<typeof growthSchema>;
export type SlowResult = z.infer<typeof slowSchema>;
export type SoakResult = z.infer<typeof soakSchema>;

const resultSchema = z.discriminatedUnion('kind', [throughputSchema, growthSchema, slowSchema, soakSchema]);
export type LoadResult = z.infer<typeof resultSchema>;

/** Parses what a load command wrote; throws an error that names the field that is wrong. */
export function parseResult(json: unknown): LoadResult {
  return resultSchema.parse(json);
}
