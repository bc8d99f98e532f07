import { collect, type GcPlan, planCollection } from '../operator/gc.ts';
import { withInstallation } from '../operator/with-installation.ts';
import { formatBytes } from './format.ts';

export interface GcCommandOptions {
  dryRun: boolean;
  ignoreDelay: boolean;
  json: boolean;
}

/** `artifortress gc`. @returns the exit code. */
export async function runGc({ dryRun, ignoreDelay, json }: GcCommandOptions): Promise<number> {
  return await withInstallation('gc', async ({ services }) => {
    const before = await planCollection(services);
    if (dryRun) {
      process.stdout.write(
        json
          ? `${JSON.stringify({ dryRun: true, ...toJson(before) }, null, 2)}\n`
          : explain(before, services.clock.now()),
      );
      return 0;
    }
    const done = await collect(services, { ignoreDelay });
    const after = await planCollection(services);
    const left = new Set(after.condemned.map(({ digest }) => digest));
    const removed = before.condemned.filter(({ digest }) => !left.has(digest));
    const freedBytes = sum(removed.map(({ lengthBytes }) => lengthBytes));
    const failed = after.condemned.filter(({ lastError }) => lastError !== null);
    process.stdout.write(
      json
        ? `${JSON.stringify({ ...done, blobsRemoved: removed.length, freedBytes, left: toJson(after) }, null, 2)}\n`
        : `${removed.length} blobs removed, ${formatBytes(freedBytes)} freed; ${done.expired} overdue uploads ended, ${done.jobs} jobs run.\n${explain(after, services.clock.now())}`,
    );
    return failed.length > 0 ? 1 : 0;
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function toJson({ condemned, leftOvers, draining }: GcPlan) {
  return {
    condemned: condemned.map(({ digest, lengthBytes, state, condemnedAt, deletedAfter, lastError }) => ({
      digest,
      length: lengthBytes,
      state,
      condemnedAtUtc: condemnedAt.toISOString(),
      deletedAfterUtc: deletedAfter?.toISOString() ?? null,
      lastError,
    })),
    leftOvers: {
      count: leftOvers.count,
      declaredBytes: leftOvers.declaredBytes,
      oldestDueAtUtc: leftOvers.oldestDueAt?.toISOString() ?? null,
    },
    draining,
  };
}

/** What goes, when and why, in sentences. */
function explain({ condemned, leftOvers, draining }: GcPlan, now: Date): string {
  const due = condemned.filter(({ deletedAfter }) => deletedAfter !== null && deletedAfter <= now);
  const total = (blobs: typeof condemned) => formatBytes(sum(blobs.map(({ lengthBytes }) => lengthBytes)));
  const lines = condemned.map(
    ({ digest, lengthBytes, condemnedAt, deletedAfter, lastError }) =>
      `  ${digest}  ${formatBytes(lengthBytes).padStart(9)}  nothing refers to it since ${condemnedAt.toISOString()}; ${
        deletedAfter === null
          ? 'no job would remove it: run "artifortress fsck --repair"'
          : `${deletedAfter <= now ? 'due since' : 'kept until'} ${deletedAfter.toISOString()}`
      }${lastError === null ? '' : `; the last try failed: ${lastError}`}`,
  );
  return `${[
    condemned.length === 0
      ? 'No blob waits for its removal: everything stored is referred to by a repository.'
      : `${condemned.length} blobs (${total(condemned)}) are referred to by no repository; ${due.length} of them (${total(due)}) are due now:`,
    ...lines,
    ...(leftOvers.count === 0
      ? []
      : [
          `${leftOvers.count} clean-ups of ended uploads are planned (at most ${formatBytes(leftOvers.declaredBytes)}): aborted, expired, refused, or not needed since the bytes were there. Each runs at once, and once more when nothing still under way can land.`,
        ]),
    ...draining.map(
      ({ repoKey, references, bytes }) =>
        `The deleted repository "${repoKey}" still refers to ${references} blobs (${formatBytes(bytes)}); a job drops these references.`,
    ),
  ].join('\n')}\n`;
}
