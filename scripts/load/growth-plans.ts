import { randomBytes } from 'node:crypto';
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
  sql,
} from 'kysely';
import { removeOldAudit, sealAudit } from '../../src/audit/seal.ts';
import { runDueJobs } from '../../src/jobs/run-due-jobs.ts';
import { loadConfig } from '../../src/kernel/config.ts';
import type { Database, Queryable } from '../../src/kernel/database.ts';
import { createLogger } from '../../src/kernel/log.ts';
import { type RunningServer, startServer } from '../../src/main.ts';
import { resumeVerifications } from '../../src/uploads/resume-verifications.ts';
import { sweepOverdueSessions } from '../../src/uploads/sweep-overdue.ts';
import type { GrowthResult } from './results.ts';
import { runWholeLife } from './whole-life.ts';

type PlannedStatement = GrowthResult['plans']['statements'][number];

/** They grow with the number of artifacts; the others with the number of people and repositories. */
const GROWING_TABLES = ['blobs', 'blob_references', 'upload_sessions', 'audit_events'];

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

interface SeededDatabase {
  readonly database: { host: string; port: number; user: string; database: string };
  readonly dataFolder: string;
}

/**
 * Runs the whole life of an artifact, and every list, through a second server on the same database and folder, and asks the
 * database for the plan of each statement just before it runs, with its own parameters.
 */
export async function planStatements({ database, dataFolder }: SeededDatabase): Promise<PlannedStatement[]> {
  const { host, port, user, database: name } = database;
  const bootstrapToken = randomBytes(32).toString('hex');
  const { settings } = loadConfig({
    PORT: '0',
    DATABASE_URL: `postgresql://${user}@localhost/${name}?host=${encodeURIComponent(host)}&port=${port}`,
    ARTIFORTRESS_DATA_DIR: dataFolder,
    ARTIFORTRESS_BOOTSTRAP_TOKEN: bootstrapToken,
    // Its rounds are run by hand, so that their statements are seen.
    ARTIFORTRESS_WORKER: 'false',
  });
  const plans = new Map<string, PlannedStatement>();
  const server = await startServer({
    settings,
    log: createLogger('fatal'),
    seams: { database: (db) => explaining(db, plans) },
  });
  try {
    await runWholeLife(server.url, bootstrapToken);
    await runWorkerOnce(server);
  } finally {
    await server.stop();
  }
  return [...plans.values()].toSorted((left, right) => left.text.localeCompare(right.text));
}

async function runWorkerOnce({ services }: RunningServer): Promise<void> {
  await resumeVerifications(services);
  await sweepOverdueSessions(services);
  await runDueJobs(services);
  await sealAudit(services);
  await removeOldAudit(services);
}

/** The same database, which tells how it will go about each statement. */
function explaining(db: Database, plans: Map<string, PlannedStatement>): Database {
  const explainFirst = (queryable: Queryable): Queryable => ({
    async query<Row>(statement: RawBuilder<Row>): Promise<Row[]> {
      const text = squeezed(statement.compile(compiler).sql);
      const [row] = await queryable.query(
        sql<{ 'QUERY PLAN': { Plan: PlanNode }[] }>`explain (format json) ${statement}`,
      );
      const nodes = (row?.['QUERY PLAN'] ?? []).flatMap(({ Plan }) => nodesOf(Plan));
      const planned = plannedStatement(text, nodes);
      // One statement may go about it in several ways, by its parameters.
      plans.set([text, ...planned.nodes].join('\n'), planned);
      return await queryable.query(statement);
    },
  });
  return {
    ...explainFirst(db),
    transaction: (work) => db.transaction((transaction) => work(explainFirst(transaction))),
    close: () => db.close(),
  };
}

function plannedStatement(text: string, nodes: readonly PlanNode[]): PlannedStatement {
  return {
    text,
    nodes: nodes.map((node) =>
      [node['Node Type'], node['Index Name'] ?? node['Relation Name']].filter(Boolean).join(' '),
    ),
    sequentialScans: nodes.flatMap((node) => {
      const relation = node['Relation Name'] ?? '';
      return node['Node Type'] === 'Seq Scan' && GROWING_TABLES.includes(relation) ? [relation] : [];
    }),
  };
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

function squeezed(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** Only to name statements by their text. */
const compiler = new Kysely<never>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});
