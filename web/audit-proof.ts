import type { Artifortress, AuditProof, AuditRow, Envelope, PublicKey } from '../src/client/index.ts';
import { canonicalJson } from '../src/kernel/canonical-json.ts';

const CHECKPOINT_TYPE = 'application/vnd.artifortress.audit-checkpoint+json';

/** What this page itself has found of a row of the audit trail. */
export type ProofVerdict =
  /** It is, word for word, in the tree whose root the server's key has signed. */
  | { readonly kind: 'proved'; readonly batch: number; readonly keyId: string }
  /** The proof does not lead from the row as shown to what was signed. */
  | { readonly kind: 'broken'; readonly why: string }
  /** The browser has not got what it takes: pages over plain HTTP from another machine have no Web Crypto, old browsers no Ed25519. */
  | { readonly kind: 'unverifiable' };

/** Checks a row as it is shown, by its proof, with the server's public keys: the hash, the path to the root (RFC 6962), the signature (DSSE). */
async function verifyProof(row: AuditRow, proof: AuditProof, keys: readonly PublicKey[]): Promise<ProofVerdict> {
  if (globalThis.crypto.subtle === undefined) return { kind: 'unverifiable' };
  const signer = await signerOf(proof.checkpoint, keys);
  if (signer.kind === 'unverifiable') return { kind: 'unverifiable' };
  if (signer.kind === 'nobody') return { kind: 'broken', why: 'no known key has signed its checkpoint' };
  const { batch, rows, rootHash } = readCheckpoint(proof.checkpoint);
  const leaf = await sha256(Uint8Array.of(0), new TextEncoder().encode(canonicalJson(row)));
  const root = await rootOf(leaf, proof.index, rows, proof.path.map(fromHex));
  if (root === null || toHex(root) !== rootHash) return { kind: 'broken', why: 'it is not the row that was sealed' };
  return { kind: 'proved', batch, keyId: signer.keyId };
}

/** Loads and checks proofs, a few at a time, each once. */
export function createProver(client: Artifortress): (row: AuditRow, signal: AbortSignal) => Promise<ProofVerdict> {
  const MOST_AT_ONCE = 2;
  const waiting: (() => void)[] = [];
  let running = 0;
  let keys: Promise<readonly PublicKey[]> | undefined;
  return async (row, signal) => {
    if (running >= MOST_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
    running += 1;
    try {
      signal.throwIfAborted();
      keys ??= client.service.keys();
      return await verifyProof(row, await client.audit.proof(row.auditId, { signal }), await keys);
    } finally {
      running -= 1;
      waiting.shift()?.();
    }
  };
}

type Signer =
  | { readonly kind: 'known'; readonly keyId: string }
  /** None of the keys. */
  | { readonly kind: 'nobody' }
  | { readonly kind: 'unverifiable' };

async function signerOf(envelope: Envelope, keys: readonly PublicKey[]): Promise<Signer> {
  if (envelope.payloadType !== CHECKPOINT_TYPE) return { kind: 'nobody' };
  const payload = fromBase64(envelope.payload);
  const text = new TextEncoder();
  const type = text.encode(envelope.payloadType);
  const signed = concat(text.encode(`DSSEv1 ${type.length} `), type, text.encode(` ${payload.length} `), payload);
  for (const { keyid, sig } of envelope.signatures) {
    const known = keys.find(({ keyId }) => keyId === keyid);
    if (known === undefined) continue;
    const key = await crypto.subtle
      .importKey('jwk', { ...known.jwk }, { name: 'Ed25519' }, false, ['verify'])
      .catch(() => null);
    if (key === null) return { kind: 'unverifiable' };
    if (await crypto.subtle.verify({ name: 'Ed25519' }, key, fromBase64(sig), signed)) {
      return { kind: 'known', keyId: keyid };
    }
  }
  return { kind: 'nobody' };
}

function readCheckpoint({ payload }: Envelope): { batch: number; rows: number; rootHash: string } {
  const parsed: unknown = JSON.parse(new TextDecoder().decode(fromBase64(payload)));
  const fields: Readonly<Record<string, unknown>> = typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
  return { batch: Number(fields.batch), rows: Number(fields.rows), rootHash: String(fields.rootHash) };
}

type Bytes = Uint8Array<ArrayBuffer>;

/** The root that a leaf and its path lead to (RFC 6962 §2.1.1); null where the path is not one of a tree of this size. */
async function rootOf(leaf: Bytes, index: number, size: number, path: readonly Bytes[]): Promise<Bytes | null> {
  if (index < 0 || index >= size) return null;
  if (size === 1) return path.length === 0 ? leaf : null;
  const sibling = path.at(-1);
  if (sibling === undefined) return null;
  const split = 2 ** Math.floor(Math.log2(size - 1));
  const rest = path.slice(0, -1);
  const isLeft = index < split;
  const inner = isLeft ? await rootOf(leaf, index, split, rest) : await rootOf(leaf, index - split, size - split, rest);
  if (inner === null) return null;
  return isLeft ? await sha256(Uint8Array.of(1), inner, sibling) : await sha256(Uint8Array.of(1), sibling, inner);
}

async function sha256(...pieces: readonly Bytes[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', concat(...pieces)));
}

function concat(...pieces: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function fromBase64(text: string): Bytes {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function fromHex(text: string): Bytes {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function toHex(bytes: Bytes): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
