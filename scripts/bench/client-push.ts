import { pushSourceOf } from '../../src/cli/bench/payload-source.ts';
import type { Payload } from '../../src/cli/bench/payloads.ts';
import { Artifortress as Client } from '../../src/client/index.ts';
import type { Artifortress } from './artifortress.ts';
import { REPO_KEY } from './artifortress-server.ts';
import type { RecordRequest } from './http-connection.ts';
import { IN_FLIGHT } from './units.ts';

/** What a push is told beside the payload. */
interface PushPlan {
  readonly partSizeBytes: number;
  /** Whether the digest is given, so that the client hashes nothing. */
  readonly digestKnown: boolean;
}

type Push = (payload: Payload, plan: PushPlan, record: RecordRequest) => Promise<void>;

/**
 * Returns a push by the client library, with Node's own SHA-256 as the command line has it. Its phases are recorded one after the
 * other: `hash`, `create`, `transfer` (URLs and bytes, to the last part's ETag), `complete`, `commit` (and so the server's proof).
 */
export function clientPush({ port, token }: Artifortress): Push {
  const client = new Client({ url: `http://127.0.0.1:${port}`, token });
  return async (payload, { partSizeBytes, digestKnown }, record) => {
    let sinceMs = performance.now();
    let seenMs = sinceMs;
    const endPhase = (phase: string, atMs: number) => {
      record(phase, atMs - sinceMs);
      sinceMs = atMs;
    };
    let completed = false;
    await client.push({
      repoKey: REPO_KEY,
      source: pushSourceOf(payload),
      partSizeBytes,
      parallelParts: IN_FLIGHT,
      ...(digestKnown ? { digest: payload.digest } : {}),
      onSession({ outcome }) {
        if (outcome !== 'opened') return;
        if (!digestKnown) endPhase('hash', seenMs);
        endPhase('create', performance.now());
      },
      onProgress({ phase }) {
        if (phase === 'verify' && !completed) {
          completed = true;
          endPhase('transfer', seenMs);
          endPhase('complete', performance.now());
        }
        seenMs = performance.now();
      },
    });
    endPhase('commit', performance.now());
  };
}
