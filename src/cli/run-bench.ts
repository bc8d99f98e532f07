import { Artifortress } from '../client/artifortress.ts';
import { clientTarget } from './bench/client-target.ts';
import { figuresTable } from './bench/figures-table.ts';
import { runLoad } from './bench/run-load.ts';
import { freshObjects, storeObjects } from './bench/stored-objects.ts';
import { type Mix, type Sizes, seededTasks } from './bench/tasks.ts';
import { type CommonOptions, outputOf } from './command.ts';
import { resolveAddress } from './connection.ts';
import type { CliContext } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { NotSignedIn } from './failures.ts';

export interface BenchOptions {
  readonly repo: string;
  readonly mix: Mix;
  readonly sizes: Sizes;
  readonly concurrency: number;
  readonly seconds: number;
  readonly warmUp: number;
  readonly rate?: number;
  readonly objects: number;
  readonly seed: number;
}

const READING = ['dedupe', 'download', 'range', 'search'];

/** Stores what is to be read, loads the server, and prints the figures. A failed operation is counted, and makes the exit code 1. */
export async function runBench(context: CliContext, options: CommonOptions & BenchOptions): Promise<void> {
  const output = outputOf(context, options);
  const nowMs = context.environment.monotonicMs;
  const { url, client } = await clientWithoutRetries(context, options);
  // Storing and asking obey Ctrl-C at once; the window ends by it, and what is under way is waited for.
  const target = clientTarget(client, options.repo, new AbortController().signal, nowMs);
  const fresh = freshObjects();

  const isReading = options.mix.some(({ value }) => READING.includes(value));
  if (isReading) output.note(`storing ${options.objects} objects to be read in ${url}`);
  const storage = { ...options, operation: 'session' } as const;
  const stored = isReading ? await storeObjects(target, fresh, storage, context.signal) : [];
  const figures = await runLoad(
    target,
    seededTasks(options, fresh, (random) => random.pick(stored)),
    { ...options, warmUpSeconds: options.warmUp, ratePerSecond: options.rate ?? null },
    { nowMs, signal: context.signal, onMeasuring: () => output.note(`measuring for ${options.seconds} s`) },
  );
  output.result({ url, ...optionsOf(options), ...figures }, figuresTable(figures));
  if (Object.keys(figures.errors).length > 0 || figures.neverBegun > 0) context.exitCode = EXIT.failure;
}

/** An operation that fails is a result here, and not to be hidden by trying again. */
async function clientWithoutRetries(context: CliContext, options: CommonOptions) {
  const { url, token } = await resolveAddress(context.environment, options);
  if (token === null) {
    throw new NotSignedIn(`No token for ${url}: sign in with "artifortress login", or set ARTIFORTRESS_TOKEN.`);
  }
  return { url, client: new Artifortress({ url, token, retry: { maxAttempts: 1 } }) };
}

function optionsOf({ mix, sizes, concurrency, rate, seed }: BenchOptions) {
  return { mix, sizes, concurrency, ratePerSecond: rate ?? null, seed };
}
