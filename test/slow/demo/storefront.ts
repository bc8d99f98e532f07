import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { z } from 'zod';
import { loadConfig } from '../../../src/kernel/config.ts';
import { createLogger } from '../../../src/kernel/log.ts';
import type { Settings } from '../../../src/kernel/settings.ts';
import { startServer } from '../../../src/main.ts';
import { createTestDatabase } from '../../support/test-database.ts';

/** An installation as an operator runs it: with the real clock, and a worker of its own. */
export interface Storefront extends AsyncDisposable {
  url: string;
  bootstrapToken: string;
  /** Issues a token with these scopes, as an operator would before the demo. */
  issueToken(subject: string, scope: string): Promise<string>;
  /** Repositories that are there, and tokens that still work. */
  leftOvers(): Promise<{ repositories: string[]; goodTokens: string[] }>;
  close(): Promise<void>;
}

const issuedSchema = z.object({ token: z.string() });

export async function startStorefront(others: Partial<Settings>): Promise<Storefront> {
  const database = await createTestDatabase();
  const dataDirectory = await mkdtemp(join(tmpdir(), 'artifortress-storefront-'));
  const bootstrapToken = 'bootstrap-of-the-storefront';
  const settings: Settings = {
    ...loadConfig({}).settings,
    port: 0,
    databaseUrl: database.url,
    databasePoolSize: 4,
    dataDirectory,
    bootstrapToken,
    workerIntervalSeconds: 1,
    shutdownGraceSeconds: 1,
    ...others,
  };
  const running = await startServer({ settings, log: createLogger('silent') });
  const { db } = running.services;
  const close = async () => {
    await running.stop();
    await database.drop();
    await rm(dataDirectory, { recursive: true, force: true });
  };
  return {
    url: running.url,
    bootstrapToken,
    async issueToken(subject, scope) {
      const answer = await fetch(new URL('/v1/auth/pats', running.url), {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'X-Bootstrap-Token': bootstrapToken },
        body: JSON.stringify({ subject, scopes: [scope], ttlMinutes: 60 }),
      });
      return issuedSchema.parse(await answer.json()).token;
    },
    async leftOvers() {
      const [repositories, tokens] = await Promise.all([
        db.query(sql<{ name: string }>`select repo_key as name from repositories where deleted_at is null`),
        db.query(sql<{ name: string }>`select subject as name from tokens where revoked_at is null`),
      ]);
      return { repositories: repositories.map(({ name }) => name), goodTokens: tokens.map(({ name }) => name) };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
