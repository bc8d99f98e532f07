import { createHash, randomBytes } from 'node:crypto';
import { Artifortress, type Role } from '../../src/client/index.ts';

/** What the pictures of the console show: a small team's installation after a few days. */
export async function fillShowcase(url: string, bootstrapToken: string): Promise<{ adminToken: string }> {
  const anybody = new Artifortress({ url });
  const issue = async (subject: string, scopes: string[], ttlMinutes: number) =>
    (await anybody.tokens.issue({ subject, scopes, ttlMinutes, bootstrapToken })).token;
  const adminToken = await issue('ada@example.com', ['repo:*:admin'], 1440);
  const admin = new Artifortress({ url, token: adminToken });
  const ci = new Artifortress({ url, token: await issue('ci/build-4711', ['repo:*:write'], 60) });

  await admin.repositories.create({ repoKey: 'apps', repoType: 'local' });
  await admin.repositories.create({ repoKey: 'firmware', repoType: 'local' });
  await admin.repositories.create({ repoKey: 'models', repoType: 'local' });
  await admin.repositories.create({
    repoKey: 'npm-mirror',
    repoType: 'remote',
    upstreamUrl: 'https://registry.example.com/',
  });
  await admin.repositories.create({ repoKey: 'all-apps', repoType: 'virtual', memberRepos: ['apps', 'firmware'] });
  await admin.repositories.create({ repoKey: 'scratch', repoType: 'local' });
  for (const [size, repoKey, client] of [
    [48_213, 'apps', ci],
    [7_340_032, 'apps', ci],
    [1_204, 'apps', admin],
    [18_874_368, 'firmware', ci],
    [940_112, 'firmware', admin],
    [26_214_400, 'models', ci],
    [311_296, 'apps', ci],
    [5_242_881, 'apps', ci],
    [77, 'apps', admin],
  ] as const) {
    await client.push({ repoKey, source: new Blob([randomBytes(size)]) });
  }
  const bindings: [string, string, Role[]][] = [
    ['apps', 'ci/build-4711', ['write']],
    ['apps', 'grace@example.com', ['admin']],
    ['apps', 'release-bot', ['read', 'promote']],
  ];
  for (const [repoKey, subject, roles] of bindings) await admin.bindings.put(repoKey, subject, roles);
  await issue('grace@example.com', ['repo:apps:admin'], 480);
  await issue('release-bot', ['repo:apps:read', 'repo:firmware:read'], 30);
  const digest = (text: string) => createHash('sha256').update(text).digest('hex');
  const declare = async (text: string, lengthBytes: number) =>
    await ci.uploads.create('apps', { digest: digest(text), lengthBytes });
  const sent = await declare('on its way', 734_003_200);
  await ci.uploads.presignPart('apps', sent.uploadId, { partNumber: 1 });
  const left = await declare('given up', 52_428_800);
  await ci.uploads.abort('apps', left.uploadId, { reason: 'client_abort' });
  await declare('just begun', 10_485_760);
  return { adminToken };
}
