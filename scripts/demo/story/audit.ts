import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NOBODY, type Stage } from '../stage.ts';
import type { World } from './world.ts';

const EXPECTED_ACTIONS = [
  'upload.session.created',
  'upload.part.presigned',
  'upload.part.presigned',
  'upload.completed',
  'upload.committed',
];

/** What was written down about the first upload, and that nobody can have changed it since. */
export async function auditTrail(stage: Stage, { admin, writer }: World, uploadId: string): Promise<void> {
  await stage.chapter('Who did what, and the proof of it');
  stage.say('Each change wrote its row in its own transaction. Those of the first upload, newest first:');
  const rows = await stage.send(admin, 'GET', `/v1/audit?resourceType=upload_session&resourceId=${uploadId}`);
  const items = rows.at('items');
  const list: unknown[] = Array.isArray(items) ? items : [];
  stage.check(
    'every step, and nothing else',
    list.map((_row, index) => rows.at('items', index, 'action')).toReversed(),
    EXPECTED_ACTIONS,
  );
  stage.check(
    'by the writer',
    new Set(list.map((_row, index) => rows.at('items', index, 'actor'))),
    new Set([writer.subject]),
  );

  stage.say(
    "Some seconds later the rows are sealed: a batch of them in a hash tree, under a checkpoint that is signed and names the one before. The proof of the row that says 'committed':",
  );
  const auditId = rows.text('items', 0, 'auditId');
  const proof = await stage.poll(admin, `/v1/audit/${auditId}/proof`, ({ status }) => status === 200);
  stage.check('it is sealed', [proof.status, proof.at('row', 'auditId')], [200, auditId]);
  const checkpoint: unknown = JSON.parse(Buffer.from(proof.text('checkpoint', 'payload'), 'base64').toString('utf8'));
  const batch = typeof checkpoint === 'object' && checkpoint !== null && 'batch' in checkpoint ? checkpoint.batch : 1;

  stage.say(
    'The keys, which anybody may know, and the trail from that batch on, are saved. From here on no server is asked.',
  );
  const keys = await stage.send(NOBODY, 'GET', '/v1/keys');
  await writeFile(join(stage.folder, 'keys.json'), keys.bytes);
  const trail = await stage.send(admin, 'GET', `/v1/audit/export?fromBatch=${Number(batch)}`);
  await writeFile(join(stage.folder, 'trail.ndjson'), trail.bytes);
  const verified = await stage.run('audit', 'verify', 'trail.ndjson', '--keys', 'keys.json');
  stage.check('the trail is exactly what was sealed', verified.exitCode, 0);
  const proved = await stage.run('audit', 'prove', auditId, '--export', 'trail.ndjson', '--keys', 'keys.json');
  stage.check('and holds that row', proved.exitCode, 0);

  stage.say("Somebody edits one word of it: the writer's name becomes another.");
  const text = await readFile(join(stage.folder, 'trail.ndjson'), 'utf8');
  await writeFile(
    join(stage.folder, 'edited.ndjson'),
    text.replace(`"actor":"${writer.subject}"`, '"actor":"somebody-else"'),
  );
  const edited = await stage.run('audit', 'verify', 'edited.ndjson', '--keys', 'keys.json');
  stage.check('it is found out', [edited.exitCode, edited.output.includes('was edited')], [1, true]);
}
