// Run by Bun and by Deno, not by the test runner: pushes and pulls with the library as it is, against the server of the environment.
import { Artifortress } from '../../../src/client/index.ts';

interface Environment {
  readonly url: string;
  readonly token: string;
  readonly file: string;
}

const { url, token, file }: Environment = JSON.parse(process.env.SMOKE ?? '{}');
const client = new Artifortress({ url, token });
const repoKey = 'libs';
const PART_BYTES = 5 * 1024 * 1024;

const fromPath = await client.push({ repoKey, source: file, partSizeBytes: PART_BYTES });
const pulled = await client.pull({ repoKey, digest: fromPath.digest });
let pulledBytes = 0;
for await (const chunk of pulled.body) pulledBytes += chunk.byteLength;
const fromBlob = await client.push({ repoKey, source: new Blob([`from a blob of ${url}`]) });
const fromStream = await client.push({ repoKey, source: new Blob([`from a stream of ${url}`]).stream() });
let code: unknown;
try {
  await client.repositories.get('nowhere');
} catch (error) {
  code = error instanceof Error && 'code' in error ? error.code : error;
}
console.log(JSON.stringify({ fromPath, pulledBytes, fromBlob, fromStream, code }));
