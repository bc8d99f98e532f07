import type { SessionEvent } from '../client/push-types.ts';
import { formatBytes } from './format.ts';

/** What became of uploads that did not end in a commit, and what to do about it. */
export function describeLeft(left: readonly SessionEvent[], repoKey: string): string[] {
  const kept = left.filter((event) => event.outcome === 'kept');
  const others = left.filter((event) => event.outcome !== 'kept').map((event) => describeEnd(event, repoKey));
  const [first] = kept;
  if (first === undefined) return others;
  const until = first.expiresAtUtc === null ? '' : ` until ${first.expiresAtUtc}`;
  const drop = `artifortress upload abort ${repoKey}/${kept.length === 1 ? first.uploadId : '<upload id>'}`;
  const what =
    kept.length === 1
      ? `The upload of ${formatBytes(first.lengthBytes)} is kept${until}`
      : `${kept.length} uploads are kept${until}`;
  return [...others, `${what}: the same push again goes on where it stopped. To drop it: ${drop}`];
}

function describeEnd(session: SessionEvent, repoKey: string): string {
  if (session.outcome === 'aborted') return `Upload ${session.uploadId} was aborted; nothing was stored.`;
  const until = session.expiresAtUtc === null ? 'when its time is up' : `at ${session.expiresAtUtc}`;
  return `Upload ${session.uploadId} may still be open; the server ends it ${until}, or now with: artifortress upload abort ${repoKey}/${session.uploadId}`;
}
