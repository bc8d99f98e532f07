import { Connection, type RecordRequest } from './http-connection.ts';
import type { ProcessTree } from './process-usage.ts';
import { percentile } from './statistics.ts';
import { GIB_BYTES, MIB_BYTES } from './units.ts';

/**
 * Does one object's worth of work over the connections of a lane; returns the payload bytes that it moved. What it does
 * past the connections it records itself.
 */
export type Operate = (connections: readonly Connection[], record: RecordRequest) => Promise<number>;

/** How many loops run side by side, and how many connections each has. */
export interface Lanes {
  readonly count: number;
  readonly connectionsEach: number;
}

export interface WindowPlan {
  readonly port: number;
  readonly usage: ProcessTree;
  readonly lanes: Lanes;
  /** A loop begins no new object after this time; 0 makes one object a lane. */
  readonly seconds: number;
  readonly operate: Operate;
}

interface StepFigures {
  readonly step: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What one timed window of one workload against one server gave. */
export interface WindowFigures {
  readonly objects: number;
  readonly mibPerSecond: number;
  readonly objectsPerSecond: number;
  readonly requestsPerSecond: number;
  readonly objectP50Ms: number;
  readonly objectP99Ms: number;
  readonly requestP50Ms: number;
  readonly requestP99Ms: number;
  readonly serverCpuSecondsPerGib: number;
  /** The part of the server's that is PostgreSQL's. */
  readonly postgresqlCpuSecondsPerGib: number;
  readonly clientCpuSecondsPerGib: number;
  readonly serverPeakBytes: number;
  readonly postgresqlPeakBytes: number;
  readonly steps: readonly StepFigures[];
}

const MICROSECONDS_PER_SECOND = 1_000_000;

/** Runs the loops of a workload without keeping figures, so that compilers, pools and caches are warm. */
export async function warmUp(plan: WindowPlan): Promise<void> {
  await runLanes(plan, new Samples());
}

/** Runs the loops of a workload for the plan's time and returns what was measured. Throws on the first wrong answer. */
export async function measure(plan: WindowPlan): Promise<WindowFigures> {
  plan.usage.resetPeakMemory();
  const serverCpuBefore = plan.usage.cpuTime();
  const clientCpuBefore = process.cpuUsage();
  const samples = new Samples();
  const elapsedSeconds = await runLanes(plan, samples);
  const clientCpu = process.cpuUsage(clientCpuBefore);
  const serverCpu = plan.usage.cpuTime();
  const peak = plan.usage.peakMemory();
  const gib = samples.bytes / GIB_BYTES;
  const requestMs = [...samples.requestMs.values()].flat();

  return {
    objects: samples.objectMs.length,
    mibPerSecond: samples.bytes / MIB_BYTES / elapsedSeconds,
    objectsPerSecond: samples.objectMs.length / elapsedSeconds,
    requestsPerSecond: requestMs.length / elapsedSeconds,
    objectP50Ms: percentile(samples.objectMs, 0.5),
    objectP99Ms: percentile(samples.objectMs, 0.99),
    requestP50Ms: percentile(requestMs, 0.5),
    requestP99Ms: percentile(requestMs, 0.99),
    serverCpuSecondsPerGib: (serverCpu.totalSeconds - serverCpuBefore.totalSeconds) / gib,
    postgresqlCpuSecondsPerGib: (serverCpu.postgresqlSeconds - serverCpuBefore.postgresqlSeconds) / gib,
    clientCpuSecondsPerGib: (clientCpu.user + clientCpu.system) / MICROSECONDS_PER_SECOND / gib,
    serverPeakBytes: peak.serverBytes,
    postgresqlPeakBytes: peak.postgresqlBytes,
    steps: [...samples.requestMs].map(([step, ms]) => ({
      step,
      p50Ms: percentile(ms, 0.5),
      p99Ms: percentile(ms, 0.99),
    })),
  };
}

class Samples {
  bytes = 0;
  readonly objectMs: number[] = [];
  readonly requestMs = new Map<string, number[]>();

  readonly recordRequest = (step: string, latencyMs: number): void => {
    const known = this.requestMs.get(step);
    if (known === undefined) this.requestMs.set(step, [latencyMs]);
    else known.push(latencyMs);
  };
}

/** Returns the seconds from the start of the loops to the end of the last. */
async function runLanes(plan: WindowPlan, samples: Samples): Promise<number> {
  const lanes: Connection[][] = [];
  for (let lane = 0; lane < plan.lanes.count; lane++) {
    const connect = () => new Connection(plan.port, samples.recordRequest);
    lanes.push(Array.from({ length: plan.lanes.connectionsEach }, connect));
  }
  try {
    await Promise.all(lanes.flat().map((connection) => connection.open()));
    const startedAtMs = performance.now();
    const deadlineMs = startedAtMs + plan.seconds * 1000;
    await Promise.all(lanes.map((connections) => runLane(plan.operate, connections, deadlineMs, samples)));
    return (performance.now() - startedAtMs) / 1000;
  } finally {
    for (const connection of lanes.flat()) connection.close();
  }
}

async function runLane(operate: Operate, connections: Connection[], deadlineMs: number, samples: Samples) {
  let nowMs = performance.now();
  do {
    const startedAtMs = nowMs;
    const movedBytes = await operate(connections, samples.recordRequest);
    samples.bytes += movedBytes;
    nowMs = performance.now();
    samples.objectMs.push(nowMs - startedAtMs);
  } while (nowMs < deadlineMs);
}
