import { type RawBuilder, sql } from 'kysely';
import type { Queryable } from '../../src/kernel/database.ts';

interface PlanNode {
  'Node Type': string;
  'Index Name'?: string;
  Plans?: PlanNode[];
}

/** Runs a query of the product itself, as it stands, and answers how the database goes about it, step by step. */
export async function planOf(db: Queryable, query: (db: Queryable) => Promise<unknown>): Promise<PlanNode[]> {
  let plan: PlanNode[] = [];
  const explaining: Queryable = {
    async query<Row>(statement: RawBuilder<Row>): Promise<Row[]> {
      const [row] = await db.query(sql<{ 'QUERY PLAN': { Plan: PlanNode }[] }>`explain (format json) ${statement}`);
      plan = (row?.['QUERY PLAN'] ?? []).flatMap(({ Plan }) => nodesOf(Plan));
      return [];
    },
  };
  await query(explaining);
  return plan;
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

export const indexesOf = (plan: PlanNode[]) => plan.flatMap((node) => node['Index Name'] ?? []);
export const typesOf = (plan: PlanNode[]) => plan.map((node) => node['Node Type']);
