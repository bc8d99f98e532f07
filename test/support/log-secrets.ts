import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What a secret looks like, whoever made it and wherever it stands. */
const SECRETS: Readonly<Record<string, RegExp>> = {
  'a token, or a generated bootstrap secret': /aft(?:boot)?_[\w-]{43,}/i,
  'the bootstrap secret of a test server': /bootstrap-[0-9a-f]{32}/i,
  'the signature of a part URL': /[?&]signature=/i,
  'a presigned URL of S3': /X-Amz-(?:Signature|Credential|Security-Token)/i,
  'a JWT': /eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*/,
  'a password in a URL': /\w:\/\/[^:@\s/"]*:[^@\s/"]+@/,
  'a private key': /PRIVATE KEY/,
  'an Authorization header': /"(?:authorization|x-bootstrap-token)":/i,
};

export interface Leak {
  what: string;
  file: string;
  line: number;
  text: string;
}

/** Every line of the files in the folder that holds what looks like a secret. */
export async function findLeaks(folder: string): Promise<Leak[]> {
  const leaks: Leak[] = [];
  for (const file of await readdir(folder)) {
    let line = 0;
    for await (const text of createInterface({ input: createReadStream(join(folder, file)) })) {
      line += 1;
      for (const [what, form] of Object.entries(SECRETS)) if (form.test(text)) leaks.push({ what, file, line, text });
    }
  }
  return leaks;
}

const SHOWN = 10;

/** For a person; the secrets are those of tests, and all void by now. */
export function describeLeaks(leaks: readonly Leak[], folder: string): string {
  const shown = leaks
    .slice(0, SHOWN)
    .map(({ what, file, line, text }) => `  ${file}:${line}: ${what}: ${text.slice(0, 400)}`);
  return `${leaks.length} lines that servers of this run have logged hold a secret (${folder}):\n${shown.join('\n')}`;
}
