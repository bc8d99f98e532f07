import { ArtifortressError } from '../client/errors.ts';
import { BadEvidence, keysOfJwks, readKeyFile } from '../operator/trusted-keys.ts';
import { digestOfFile, holdAgainst, type ReceiptReport, verifyReceipt } from '../operator/verify-receipt.ts';
import { type CommonOptions, outputOf } from './command.ts';
import { clientFor, connect, resolveAddress } from './connection.ts';
import type { CliContext } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { UsageError } from './failures.ts';
import { formatBytes } from './format.ts';
import { pairs } from './output.ts';

export interface VerifyReceiptOptions extends CommonOptions {
  readonly receipt?: string;
  readonly repo?: string;
  readonly keys?: string;
}

const PROOFS: Readonly<Record<string, string>> = {
  store_checksum: 'the object store checked its SHA-256 as it arrived',
  full_read: 'it was read back from the store and hashed',
  streamed: 'it was hashed on its way through the server',
  deduped: 'the same bytes had been proved before',
};

/** The keys of the file; else those of the server. */
export async function trustedKeys(context: CliContext, options: { url?: string; keys?: string }) {
  if (options.keys !== undefined) return await readKeyFile(options.keys);
  const { url } = await resolveAddress(context.environment, options);
  const published = await clientFor(url, undefined).service.keys({ signal: context.signal });
  return keysOfJwks(published.map(({ jwk }) => jwk));
}

/** By the receipt at hand, or by the one that the server gives for these very bytes; a sentence where it holds no such bytes. */
async function reportOf(
  context: CliContext,
  file: string,
  options: VerifyReceiptOptions,
  keys: Awaited<ReturnType<typeof trustedKeys>>,
): Promise<ReceiptReport | string> {
  if (options.receipt !== undefined) return await verifyReceipt(file, options.receipt, keys);
  if (options.repo === undefined)
    throw new UsageError('Give the receipt with --receipt, or the repository with --repo.');
  const actual = await digestOfFile(file);
  const client = await connect(context, options);
  try {
    const receipt = await client.blobs.receipt(options.repo, actual.digest, { signal: context.signal });
    return holdAgainst(`of ${options.repo}/${actual.digest}`, JSON.stringify(receipt), actual, keys);
  } catch (error) {
    if (!(error instanceof ArtifortressError) || error.code !== 'not_found') throw error;
    return `The repository ${options.repo} holds no blob of these bytes (${actual.digest}, ${actual.lengthBytes} bytes).`;
  }
}

/** `artifortress verify`. @returns the exit code. */
export async function runVerifyReceipt(
  context: CliContext,
  file: string,
  options: VerifyReceiptOptions,
): Promise<number> {
  const output = outputOf(context, options);
  const keys = await trustedKeys(context, options);
  const report = await reportOf(context, file, options, keys).catch((error: unknown) => {
    if (!(error instanceof BadEvidence)) throw error;
    output.warn(error.message);
    return undefined;
  });
  if (report === undefined) return EXIT.failure;
  if (typeof report === 'string') {
    output.warn(report);
    output.result({ file, matches: false }, []);
    return EXIT.conflict;
  }
  const { receipt, actual, matches, keyId } = report;
  const { predicate, subject } = receipt;
  if (!matches) {
    output.warn(
      `${file} is another file: its SHA-256 is ${actual.digest} (${actual.lengthBytes} bytes), and the receipt is for ${subject[0].digest.sha256} (${predicate.length} bytes).`,
    );
  }
  output.result(
    { file, matches, actual, keyId, receipt },
    !matches
      ? []
      : pairs([
          ['File', `${file} is what was committed`],
          ['Digest', actual.digest],
          ['Size', `${formatBytes(actual.lengthBytes)} (${actual.lengthBytes} bytes)`],
          ['Repository', predicate.repository],
          ['Committed', `${predicate.committedAtUtc} by ${predicate.committedBy}`],
          ['Proof', PROOFS[predicate.proof ?? ''] ?? 'not written down'],
          ['Signed by', `${keyId} of the installation ${predicate.installation}`],
        ]),
  );
  return matches ? EXIT.ok : EXIT.conflict;
}
