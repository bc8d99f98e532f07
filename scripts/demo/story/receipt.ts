import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stage } from '../stage.ts';
import type { World } from './world.ts';

/** What the exit code says of a file that is not the receipt's (docs/cli.md). */
const OTHER_BYTES = 5;

/** A signed statement of how the artifact came to be there, worth something without the server. */
export async function receipt(stage: Stage, { repoKey, reader, artifact }: World): Promise<void> {
  await stage.chapter('A receipt');
  stage.say(
    'The installation signs what it took into its keeping: which bytes, by whom, when, and how they were proved. An in-toto statement in a DSSE envelope.',
  );
  const issued = await stage.send(reader, 'GET', `/v1/repos/${repoKey}/blobs/${artifact.digest}/receipt`);
  stage.check('signed', [issued.status, typeof issued.at('signatures', 0, 'sig')], [200, 'string']);
  await writeFile(join(stage.folder, 'receipt.json'), issued.bytes);
  await writeFile(join(stage.folder, 'artifact.bin'), artifact.bytes);
  stage.say('Whoever has the file, the receipt and the public key can check it, without a server.');
  const verified = await stage.run('verify', 'artifact.bin', '--receipt', 'receipt.json', '--keys', 'keys.json');
  stage.check('this file is what was committed', verified.exitCode, 0);

  stage.say('One bit of the file flips.');
  const changed = Buffer.from(artifact.bytes);
  changed[0] = (changed[0] ?? 0) ^ 1;
  await writeFile(join(stage.folder, 'changed.bin'), changed);
  const refused = await stage.run('verify', 'changed.bin', '--receipt', 'receipt.json', '--keys', 'keys.json');
  stage.check('that file is not', refused.exitCode, OTHER_BYTES);
}
