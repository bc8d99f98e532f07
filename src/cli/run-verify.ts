import { BadEvidence, keysOfJwks, readKeyFile } from '../operator/trusted-keys.ts';
import { verifyReceipt } from '../operator/verify-receipt.ts';
import { type CommonOptions, outputOf } from './command.ts';
import { clientFor, resolveAddress } from './connection.ts';
import type { CliContext } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { formatBytes } from './format.ts';
import { pairs } from './output.ts';

export interface VerifyReceiptOptions extends CommonOptions {
  readonly receipt: string;
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

/** `artifortress verify`. @returns the exit code. */
export async function runVerifyReceipt(
  context: CliContext,
  file: string,
  options: VerifyReceiptOptions,
): Promise<number> {
  const output = outputOf(context, options);
  const keys = await trustedKeys(context, options);
  const report = await verifyReceipt(file, options.receipt, keys).catch((error: unknown) => {
    if (!(error instanceof BadEvidence)) throw error;
    output.warn(error.message);
    return undefined;
  });
  if (report === undefined) return EXIT.failure;
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
