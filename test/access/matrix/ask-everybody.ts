import type { Reply } from '../../support/test-server.ts';
import { type Case, pathOf } from './cases.ts';
import type { Ask } from './examples.ts';
import type { Principal } from './principals.ts';
import type { World } from './world.ts';

/** Rows that are asked at the same time. */
const ROWS_AT_ONCE = 4;

export interface Answered {
  row: Case;
  /** By the name of who asked. */
  replies: ReadonlyMap<string, Reply>;
}

/** Asks everything of everybody. */
export async function askEverybody(world: World, cases: readonly Case[]): Promise<Answered[]> {
  const answered: Answered[] = [];
  const left = cases.entries();
  const takeRows = async () => {
    for (const [index, row] of left) answered[index] = { row, replies: await askRow(world, row) };
  };
  await Promise.all(Array.from({ length: ROWS_AT_ONCE }, takeRows));
  return answered;
}

/** Those who are refused come first, all with the very request that the first one who is let in sends after them. */
async function askRow(world: World, row: Case): Promise<Map<string, Reply>> {
  const refused = world.principals.filter((principal) => row.isRefused(principal));
  const others = world.principals.filter((principal) => !row.isRefused(principal));
  const [first = refused[0]] = others;
  if (first === undefined) throw new Error('nobody asks');
  const replies = new Map<string, Reply>();
  const shared = await row.ask(world, first);
  for (const principal of refused) replies.set(principal.name, await send(world, row, shared, principal));
  for (const principal of others) {
    const ask = principal === first ? shared : await row.ask(world, principal);
    replies.set(principal.name, await send(world, row, ask, principal));
  }
  return replies;
}

async function send(world: World, { method, pattern }: Case, ask: Ask, { headers }: Principal): Promise<Reply> {
  const options = { ...ask.options, headers: { ...ask.options?.headers, ...headers }, token: null };
  return await world.server.request(method, pathOf(world, pattern, ask), options);
}
