import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Driver, openWorld, type World } from './world.ts';

/** Keeps worlds for one case after the other, so that not each case pays for a database and a start. */
export interface WorldPool extends AsyncDisposable {
  /** Waits for its turn, and runs `work` in a world that nobody else uses meanwhile. A world in which it fails is not used again. */
  use<Result>(driver: Driver, work: (world: World) => Promise<Result>): Promise<Result>;
}

/** @param atOnce worlds in use at the same time at the most. */
export async function createWorldPool(atOnce: number): Promise<WorldPool> {
  const compileCache = await mkdtemp(join(tmpdir(), 'artifortress-faults-cache-'));
  const idle: World[] = [];
  const waiting: (() => void)[] = [];
  let free = atOnce;

  const takeTurn = async (): Promise<void> => {
    if (free > 0) {
      free -= 1;
      return;
    }
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
    });
  };
  const endTurn = (): void => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  };
  const take = async (driver: Driver): Promise<World> => {
    const place = idle.findIndex((world) => world.driver === driver);
    const [kept] = place === -1 ? [] : idle.splice(place, 1);
    return kept ?? (await openWorld(driver, compileCache));
  };

  return {
    async use(driver, work) {
      await takeTurn();
      try {
        const world = await take(driver);
        try {
          const result = await work(world);
          idle.push(world);
          return result;
        } catch (error) {
          await world[Symbol.asyncDispose]();
          throw error;
        }
      } finally {
        endTurn();
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(idle.map((world) => world[Symbol.asyncDispose]()));
      await rm(compileCache, { recursive: true, force: true });
    },
  };
}
