import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../scripts/bench/loopback.ts';
import { temporaryFolder } from '../cli/support.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { type Example, examplesOf, type Typed, typeInOrder } from './examples.ts';
import { canTypeExamples } from './reader.ts';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'artifortress.js');

/** By what a block begins with: why it is not run. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'artifortress backup':
    'It restores to a moment between a backup and now, in an archive of the log that has to be there; test/slow/backup does.',
};

/** By what a block begins with: what its reader has done before. `$id` is then what stands for the id in the document. */
const BEFORE: Readonly<Record<string, string>> = {
  'artifortress upload list': `
    request() { curl -sS --fail-with-body -H "Authorization: Bearer $ARTIFORTRESS_TOKEN" "$@"; }
    uploads="$ARTIFORTRESS_URL/v1/repos/libs/uploads"
    id=$(request "$uploads" --json "{\\"expectedDigest\\": \\"$(printf other | sha256sum | cut -c -64)\\", \\"expectedLength\\": 5}" | jq -r .uploadId)
    request "$uploads/$id/parts" --json '{"partNumber": 1}'`,
  'artifortress token list': `
    id=$(artifortress token issue --subject gone --scope repo:libs:read --json | jq -r .tokenId)`,
};

const ID_IN_DOCUMENT = '01890a5d-ac96-774b-bcce-b302099a8057';

/** The digest in the document is that of this text. */
const APP_TAR = 'test';

/**
 * The command, as the reader has it. What would go on for ever is ended once it does what it is for. What ends otherwise than it
 * should is written down: "bash -e" sees no failure inside of "export A=$(…)" or before "&&".
 */
const SHIM = `#!/bin/bash
case " $* " in
  *' serve '*)
    signal=TERM expected=0
    is_at_work() { curl -sf -o "$HOME/ready" "http://127.0.0.1:$PORT/health/ready"; } ;;
  *' --follow '*)
    signal=INT expected=130
    is_at_work() { curl -s -o "$HOME/denied" -H 'Authorization: Bearer wrong' "$ARTIFORTRESS_URL/v1/auth/whoami"; [ -s "$HOME/printed" ]; } ;;
  *)
    "$NODE" "$BIN" "$@"
    code=$?
    [ $code = 0 ] || echo "$code: $*" >> "$FAILURES"
    exit $code ;;
esac
"$NODE" "$BIN" "$@" > "$HOME/printed" &
until is_at_work; do
  kill -0 $! || break
  sleep 0.2
done
kill -$signal $!
wait $!
code=$?
[ $code = $expected ] || echo "$code instead of $expected: $*" >> "$FAILURES"
cat "$HOME/printed"
`;

const examples = await examplesOf('cli.md', 'sh');

function ofBeginning<T>(table: Readonly<Record<string, T>>, { script }: Example): T | undefined {
  return Object.entries(table).find(([beginning]) => script.startsWith(beginning))?.[1];
}

/** What stands in the document for what only its reader has. */
async function standIns(server: TestServer, folder: string): Promise<Readonly<Record<string, string>>> {
  return {
    [ID_IN_DOCUMENT]: '$id',
    'https://artifacts.example.com': server.url,
    'PORT=9000': `PORT=${await freePort()}`,
    '/srv/artifortress': join(folder, 'srv'),
    '--seconds 60': '--seconds 1',
  };
}

/** The folder that the reader is in, with what the examples name. */
async function furnish(folder: string, bootstrapToken: string): Promise<void> {
  for (const name of ['bin', 'build', 'dist', 'src', '.config/fish/completions']) {
    await mkdir(join(folder, name), { recursive: true });
  }
  await writeFile(join(folder, 'app.tar'), APP_TAR);
  await writeFile(join(folder, 'build', 'app.deb'), 'a package');
  await writeFile(join(folder, 'dist', 'app.js'), 'a program');
  await writeFile(join(folder, 'src', 'app.ts'), 'its source');
  await writeFile(join(folder, 'bootstrap-token'), bootstrapToken);
  await writeFile(join(folder, 'failures'), '');
  await writeFile(join(folder, 'bin', 'artifortress'), SHIM);
  await chmod(join(folder, 'bin', 'artifortress'), 0o755);
}

describe.skipIf(!canTypeExamples('tar', 'xxd'))('the guide to the command line', () => {
  let server: TestServer;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let typed: Typed;
  let replaced: Readonly<Record<string, string>>;

  beforeAll(async () => {
    server = await startTestServer();
    folder = await temporaryFolder();
    await furnish(folder.path, server.bootstrapToken);
    replaced = await standIns(server, folder.path);
    const toType = examples
      .filter((example) => ofBeginning(NOT_RUN, example) === undefined)
      .map((example) => ({
        ...example,
        script: Object.entries(replaced).reduce(
          (script, [text, standIn]) => script.replaceAll(text, standIn),
          `${ofBeginning(BEFORE, example) ?? ''}\n${example.script}`,
        ),
      }));
    typed = await typeInOrder(toType, folder.path, {
      PATH: [join(folder.path, 'bin'), process.env.PATH].join(delimiter),
      HOME: folder.path,
      NODE: process.execPath,
      BIN,
      FAILURES: join(folder.path, 'failures'),
      ARTIFORTRESS_URL: server.url,
      ARTIFORTRESS_TOKEN: server.adminToken,
      TOKEN: server.adminToken,
    });
  });

  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
    await server.close();
  });

  test('can be typed from its beginning to its end', () => {
    expect(typed.code, `${typed.outputs.at(-1)}\n${typed.errors}`).toBe(0);
  });

  test('has no command that fails', async () => {
    expect(await readFile(join(folder.path, 'failures'), 'utf8'), typed.errors).toBe('');
  });

  test('follows the trail', () => {
    expect(typed.outputs.find((output) => output.includes('authz.denied'))).toBeDefined();
  });

  test.each([...Object.keys(NOT_RUN), ...Object.keys(BEFORE)])('has one block that begins with "%s"', (beginning) => {
    expect(examples.filter(({ script }) => script.startsWith(beginning))).toHaveLength(1);
  });

  test('has all that something stands in for', () => {
    const scripts = examples.map(({ script }) => script).join('');
    expect(Object.keys(replaced).filter((text) => !scripts.includes(text))).toEqual([]);
  });
});
