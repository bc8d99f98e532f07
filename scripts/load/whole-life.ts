import { pushSourceOf } from '../../src/cli/bench/payload-source.ts';
import { freshObjects } from '../../src/cli/bench/stored-objects.ts';
import { Artifortress } from '../../src/client/index.ts';
import { REPO_KEY } from '../bench/artifortress-server.ts';

const OBJECT_BYTES = 16 * 1024;
const PAGE = { limit: 100 };

/** Does once whatever a client may ask of a server about artifacts: each statement of the product that reads or writes them runs. */
export async function runWholeLife(url: string, bootstrapToken: string): Promise<void> {
  const request = { subject: 'plans', scopes: ['repo:*:admin'], ttlMinutes: 60, bootstrapToken };
  const { token } = await new Artifortress({ url }).tokens.issue(request);
  const client = new Artifortress({ url, token });
  const fresh = freshObjects();

  const pushed = fresh(OBJECT_BYTES);
  const repoKey = REPO_KEY;
  const { uploadId } = await client.push({ repoKey, source: pushSourceOf(pushed), digest: pushed.digest });
  await client.uploads.get(repoKey, uploadId);
  await client.uploads.commit(repoKey, uploadId);
  await client.push({ repoKey, source: pushSourceOf(pushed), digest: pushed.digest });
  const put = fresh(OBJECT_BYTES);
  await client.blobs.put(repoKey, put.digest, pushSourceOf(put));
  const aborted = await client.uploads.create(repoKey, fresh(OBJECT_BYTES));
  await client.uploads.abort(repoKey, aborted.uploadId);

  await client.blobs.head(repoKey, pushed.digest);
  await (await client.blobs.get(repoKey, pushed.digest)).body.cancel();
  await client.blobs.receipt(repoKey, pushed.digest);
  const { nextCursor } = await client.blobs.list(repoKey, PAGE);
  await client.blobs.list(repoKey, { ...PAGE, cursor: nextCursor ?? undefined });
  for (const digits of [1, 8]) await client.blobs.list(repoKey, { ...PAGE, prefix: pushed.digest.slice(0, digits) });
  await client.uploads.list(repoKey, PAGE);
  await client.uploads.list(repoKey, { ...PAGE, state: 'committed' });
  await client.audit.list({ ...PAGE });
  await client.audit.list({ ...PAGE, action: 'upload.committed' });
  await client.audit.list({ ...PAGE, actor: 'plans' });
  await client.audit.list({ ...PAGE, resourceId: uploadId });
  await client.repositories.list(PAGE);
  await client.tokens.list(PAGE);
  await client.service.whoami();
  await client.blobs.delete(repoKey, put.digest);
}
