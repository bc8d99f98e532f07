import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Keys } from '../audit/verify-export.ts';
import { parseReceipt, RECEIPT_TYPE, type Receipt } from '../blobs/receipt.ts';
import { envelopeSchema, openEnvelope } from '../kernel/dsse.ts';
import { BadEvidence } from './trusted-keys.ts';

export interface ReceiptReport {
  receipt: Receipt;
  /** The key that signed. */
  keyId: string;
  actual: { digest: string; lengthBytes: number };
  /** Whether the file has exactly the bytes that the receipt is about. */
  matches: boolean;
}

/**
 * Holds a file against a custody receipt, without a server.
 * @throws BadEvidence for a receipt that is none, or that no key of these has signed.
 */
export async function verifyReceipt(file: string, receiptFile: string, keys: Keys): Promise<ReceiptReport> {
  return holdAgainst(receiptFile, await readFile(receiptFile, 'utf8'), await digestOfFile(file), keys);
}

/** The digest and the length of a file. */
export async function digestOfFile(file: string): Promise<{ digest: string; lengthBytes: number }> {
  const hash = createHash('sha256');
  let lengthBytes = 0;
  await pipeline(createReadStream(file), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      hash.update(chunk);
      lengthBytes += chunk.length;
    }
  });
  return { digest: hash.digest('hex'), lengthBytes };
}

/**
 * Holds a file that is hashed already against a receipt, which `source` names to a person.
 * @throws BadEvidence as {@link verifyReceipt}.
 */
export function holdAgainst(source: string, text: string, actual: ReceiptReport['actual'], keys: Keys): ReceiptReport {
  const { receipt, keyId } = openReceipt(source, text, keys);
  const { subject, predicate } = receipt;
  const matches = subject[0].digest.sha256 === actual.digest && predicate.length === actual.lengthBytes;
  return { receipt, keyId, actual, matches };
}

function openReceipt(path: string, text: string, keys: Keys): { receipt: Receipt; keyId: string } {
  let envelope: unknown;
  try {
    envelope = JSON.parse(text);
  } catch {
    throw new BadEvidence(`${path} is no receipt: it holds no JSON.`);
  }
  const parsed = envelopeSchema.safeParse(envelope);
  if (!parsed.success) throw new BadEvidence(`${path} is no receipt: it is no signed envelope.`);
  const opened = openEnvelope(parsed.data, RECEIPT_TYPE, keys);
  if (opened.kind === 'refused') {
    throw new BadEvidence(`The receipt ${path} is not signed by a key that you trust (${opened.reason}).`);
  }
  return { receipt: parseReceipt(opened.payload), keyId: opened.keyId };
}
