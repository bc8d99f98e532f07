import { createInterface } from 'node:readline';
import { type DataFolderLock, lockDataFolder } from '../../src/kernel/data-folder-lock.ts';
import { messageOf } from '../../src/kernel/errors.ts';

// Started by a test as a process of its own: node race-for-data-folder.ts <data directory> <who>
// Answers each line "lock" on standard input by "held" or by the refusal, and each "release" by "released".
const [dataDirectory = '', who = ''] = process.argv.slice(2);
let lock: DataFolderLock | undefined;

process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${await obey(line)}\n`);
}

async function obey(line: string): Promise<string> {
  if (line === 'release') {
    await lock?.release();
    return 'released';
  }
  try {
    lock = await lockDataFolder(dataDirectory, who);
    return 'held';
  } catch (error) {
    return messageOf(error);
  }
}
