import { join } from 'node:path';
import { Client } from 'pg';
import type { LoadFigures } from '../../src/cli/bench/recorder.ts';
import { runLoad } from '../../src/cli/bench/run-load.ts';
import { freshObjects } from '../../src/cli/bench/stored-objects.ts';
import { type Mix, type Sizes, seededTasks, type TaskSource } from '../../src/cli/bench/tasks.ts';
import { findRunningPostgres } from '../../src/kernel/embedded-postgres/running.ts';
import type { Artifortress } from '../bench/artifortress.ts';
import { REPO_KEY } from '../bench/artifortress-server.ts';
import { withConnection } from '../bench/checks.ts';
import { checkSpace } from '../bench/disk-space.ts';
import { Participants } from '../bench/report.ts';
import { settleDisk } from '../bench/rounds.ts';
import type { Workplace } from '../bench/temporary-folder.ts';
import { GIB_BYTES } from '../bench/units.ts';
import { planStatements } from './growth-plans.ts';
import { sizesUpTo } from './growth-sizes.ts';
import { headOf } from './head.ts';
import type { Options } from './options.ts';
import { openFilled } from './place.ts';
import type { GrowthResult } from './results.ts';
import { seededDigest, seedRows } from './seed-rows.ts';
import { artifortressTarget } from './targets.ts';

/** Few enough that what is measured is a request's own time, and not its wait for the two cores. */
const CONCURRENCY = 2;
const WARM_UP_SECONDS = 3;
/** What a row and all that stands beside it takes at most, with indexes and the log on the way. */
const BYTES_A_ROW = 2_500;
/** Of the one object that all seeded blobs stand on, and of what is uploaded. */
const OBJECT_BYTES = 16 * 1024;
const SIZES: Sizes = [{ value: OBJECT_BYTES, weight: 1 }];
const MIX: Mix = [
  { value: 'session', weight: 2 },
  { value: 'dedupe', weight: 2 },
  { value: 'download', weight: 4 },
  { value: 'list', weight: 2 },
  { value: 'search', weight: 2 },
];

interface SeededServer {
  readonly ours: Artifortress;
  readonly rows: number;
  readonly seededSeconds: number;
  readonly database: NonNullable<Awaited<ReturnType<typeof findRunningPostgres>>>;
  readonly dataFolder: string;
  readonly tasks: TaskSource;
  readonly rounds: LoadFigures[];
}

/**
 * Runs servers whose databases differ by powers of ten in the number of their blobs, and loads them in turns, so that a slow minute
 * of the machine meets all alike. Then asks the largest for the plan of every statement that the product runs.
 */
export async function measureGrowth(options: Options, workplace: Workplace): Promise<GrowthResult> {
  const { seconds, quick } = options;
  const sizes = sizesUpTo(options.rows);
  checkSpace(workplace.root, GIB_BYTES + sizes.reduce((sum, rows) => sum + rows * BYTES_A_ROW, 0));
  const participants = new Participants(workplace.progress);
  const servers: SeededServer[] = [];
  for (const rows of sizes) servers.push(await openSeeded(options, workplace, rows));
  for (const { ours } of servers) participants.present(ours);

  const plan = { concurrency: CONCURRENCY, seconds, ratePerSecond: null };
  for (let round = 0; round < options.rounds; round++) {
    // Every other round in the opposite order, so that none always follows the same one.
    for (const { ours, rows, tasks, rounds } of round % 2 === 0 ? servers : servers.toReversed()) {
      settleDisk(workplace.root);
      const warmUpSeconds = quick ? 0.5 : WARM_UP_SECONDS;
      const figures = await runLoad(artifortressTarget(ours), tasks, { ...plan, warmUpSeconds }, clock);
      rounds.push(figures);
      workplace.progress(`round ${round + 1}/${options.rounds}  ${rows} blobs  ${lineOf(figures)}`);
    }
  }
  const largest = servers.at(-1);
  if (largest === undefined) throw new Error('there is no server');
  workplace.progress(`asking for the plans among ${largest.rows} blobs`);
  const statements = await planStatements(largest);
  return {
    kind: 'growth',
    ...headOf(options, workplace.root, participants),
    concurrency: CONCURRENCY,
    secondsPerWindow: seconds,
    databases: await Promise.all(
      servers.map(async ({ rows, seededSeconds, database, rounds }) => ({
        rows,
        seededSeconds,
        databaseBytes: await databaseBytes(database),
        rounds,
      })),
    ),
    plans: { rows: largest.rows, statements },
  };
}

const clock = { nowMs: () => performance.now() };

/** Starts a server of its own on one stored object and rows of blobs that all stand on it. */
async function openSeeded(options: Options, workplace: Workplace, rows: number): Promise<SeededServer> {
  workplace.progress(`seeding ${rows} blobs`);
  const folderName = `artifortress-${rows}`;
  const dataFolder = join(workplace.root, folderName);
  const fresh = freshObjects();
  const object = fresh(OBJECT_BYTES);
  const { ours, filling: seededSeconds } = await openFilled(workplace, options, folderName, async (seeding) => {
    await withConnection(seeding, (connection) => seeding.put(connection, object));
    const startedAtMs = performance.now();
    const client = new Client(await databaseIn(dataFolder));
    await client.connect();
    try {
      const { repoId, objectKey } = await findObject(client, object.digest);
      const plan = { rows, repoId, repoKey: REPO_KEY, objectKey, lengthBytes: OBJECT_BYTES };
      await seedRows(client, plan, workplace.progress);
    } finally {
      await client.end();
    }
    return (performance.now() - startedAtMs) / 1000;
  });
  // Any of the seeded blobs: what is looked up was mostly not looked up before.
  const tasks = seededTasks({ seed: options.seed, mix: MIX, sizes: SIZES }, fresh, (random) => ({
    ...object,
    digest: seededDigest(random.below(rows), rows),
  }));
  return {
    ours,
    rows,
    seededSeconds,
    database: await databaseIn(dataFolder),
    dataFolder,
    tasks,
    rounds: [],
  };
}

async function databaseIn(dataFolder: string): Promise<SeededServer['database']> {
  const database = await findRunningPostgres(join(dataFolder, 'postgres'));
  if (database === undefined) throw new Error(`no database runs in ${dataFolder}`);
  return database;
}

async function findObject(client: Client, digest: string): Promise<{ repoId: string; objectKey: string }> {
  const { rows } = await client.query<{ repoId: string; objectKey: string }>(
    `select br.repo_id::text as "repoId", b.object_key as "objectKey"
     from blobs b join blob_references br using (tenant_id, digest) where b.digest = $1`,
    [digest],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`the database has no blob ${digest}`);
  return row;
}

async function databaseBytes(database: SeededServer['database']): Promise<number> {
  const client = new Client(database);
  await client.connect();
  try {
    const { rows } = await client.query<{ bytes: string }>('select pg_database_size(current_database()) as bytes');
    return Number(rows[0]?.bytes ?? 0);
  } finally {
    await client.end();
  }
}

function lineOf({ operations, errors }: LoadFigures): string {
  const p99s = operations.map(({ operation, latency }) => `${operation} ${latency.p99Ms.toFixed(1)}`);
  const failed = Object.entries(errors).map(([code, count]) => `FAILED ${count} × ${code}`);
  return `p99 ms: ${[...p99s, ...failed].join(', ')}`;
}
