import type { Artifortress } from '../client/artifortress.ts';
import { platformHash } from '../client/platform.ts';
import { chunksOf } from '../client/source.ts';
import type { CliContext } from './context.ts';
import { UsageError } from './failures.ts';
import { openFileSource } from './file-source.ts';
import { formatBytes } from './format.ts';
import type { Output } from './output.ts';

/** `artifortress push --dry-run`: what would be pushed, and what of it is there already. Nothing is changed. */
export async function previewPush(
  { signal }: CliContext,
  client: Artifortress,
  repoKey: string,
  files: readonly string[],
  output: Output,
): Promise<void> {
  for (const file of files) {
    if (file === '-') throw new UsageError('Standard input cannot be tried out: it would be gone.');
    const { digest, lengthBytes } = await digestOfFile(file, signal);
    const isThere = await holds(client, repoKey, digest, signal);
    output.result({ dryRun: true, file, repoKey, digest, lengthBytes, isThere }, [`${digest}  ${file}`]);
    output.note(`${file} (${formatBytes(lengthBytes)}) ${isThere ? 'is already there' : 'would be sent'}.`);
  }
}

async function digestOfFile(file: string, signal: AbortSignal): Promise<{ digest: string; lengthBytes: number }> {
  const source = await openFileSource(file);
  try {
    const hash = platformHash()();
    for await (const chunk of chunksOf(source, () => signal.throwIfAborted())) hash.update(chunk);
    return { digest: hash.digestHex(), lengthBytes: source.size };
  } finally {
    await source.close();
  }
}

/** Looked for in the list: an unknown repository is told there, while a HEAD would only say 404. */
async function holds(client: Artifortress, repoKey: string, digest: string, signal: AbortSignal): Promise<boolean> {
  const { items } = await client.blobs.list(repoKey, { prefix: digest, limit: 1, signal });
  return items.length > 0;
}
