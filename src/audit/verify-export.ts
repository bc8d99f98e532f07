import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { type Envelope, envelopeSchema, openEnvelope } from '../kernel/dsse.ts';
import { messageOf } from '../kernel/errors.ts';
import { rootOf } from '../kernel/merkle-tree.ts';
import { keyIdOf, keyObjectOf } from '../keys/model.ts';
import {
  CHECKPOINT_TYPE,
  type Checkpoint,
  EPOCH_TYPE,
  type EpochStatement,
  hashCheckpoint,
  parseCheckpoint,
  parseEpoch,
  parseRemoval,
  REMOVAL_TYPE,
} from './checkpoint.ts';
import { EXPORT_FORMAT } from './export.ts';
import { auditRowSchema, leafOf, type PresentedRow } from './present.ts';

export type Keys = ReadonlyMap<string, KeyObject>;

const jwkSchema = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() });

const lineSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('header'),
    format: z.literal(EXPORT_FORMAT),
    installation: z.string(),
    keys: z.array(z.object({ jwk: jwkSchema })),
  }),
  z.object({ type: z.literal('epoch'), statement: envelopeSchema }),
  z.object({ type: z.literal('row'), row: auditRowSchema }),
  z.object({ type: z.literal('checkpoint'), checkpoint: envelopeSchema, removal: envelopeSchema.optional() }),
  z.object({ type: z.literal('end'), nextBatch: z.int() }),
]);

export interface VerifiedBatch {
  checkpoint: Checkpoint;
  envelope: Envelope;
  hash: string;
  rows: readonly PresentedRow[];
}

export interface ExportReport {
  installation: string | undefined;
  batches: number;
  rows: number;
  /** Batches whose rows retention has removed, by a signed statement. */
  removedBatches: number;
  firstBatch: number | undefined;
  lastBatch: number | undefined;
  /** Oldest first. One beyond the first of an installation: the database was restored, or failed over, behind its `afterBatch`. */
  epochs: EpochStatement[];
  /** What the next export must go on from: keep it elsewhere. */
  lastCheckpoint: string | undefined;
  sealedAtUtc: string | undefined;
  /** Whether the checkpoint that was asked for is in the chain; undefined where none was. */
  holdsExpected: boolean | undefined;
  problems: string[];
}

export interface VerifyOptions {
  /** The keys that are trusted; undefined: those that the export itself brings. */
  keys?: Keys | undefined;
  /** A checkpoint seen before, by its hash: the chain must hold it. */
  expectedCheckpoint?: string | undefined;
  onBatch?: (batch: VerifiedBatch) => void;
}

/**
 * Checks an export of the trail with public keys alone: that each batch holds exactly the rows that were sealed, in their order, and that
 * no batch is missing between two. What follows the last checkpoint can't be known from the export: compare `lastCheckpoint`.
 */
export async function verifyExport(lines: AsyncIterable<string>, options: VerifyOptions = {}): Promise<ExportReport> {
  const verifier = createVerifier(options);
  let number = 0;
  for await (const text of lines) {
    number += 1;
    if (text.trim() === '') continue;
    try {
      verifier.take(lineSchema.parse(JSON.parse(text)));
    } catch (error) {
      verifier.report.problems.push(`line ${number} is no line of an export: ${firstLine(messageOf(error))}`);
    }
  }
  return verifier.finish();
}

function createVerifier({ keys: trusted, expectedCheckpoint, onBatch }: VerifyOptions) {
  let keys: Keys = trusted ?? new Map<string, KeyObject>();
  let rows: PresentedRow[] = [];
  let previous: { checkpoint: Checkpoint; hash: string } | undefined;
  let epoch: { statement: EpochStatement; hash: string } | undefined;
  let ended = false;
  const report: ExportReport = {
    installation: undefined,
    batches: 0,
    rows: 0,
    removedBatches: 0,
    firstBatch: undefined,
    lastBatch: undefined,
    epochs: [],
    lastCheckpoint: undefined,
    sealedAtUtc: undefined,
    holdsExpected: expectedCheckpoint === undefined ? undefined : false,
    problems: [],
  };
  const { problems } = report;

  const takeEpoch = (envelope: Envelope): void => {
    const opened = openEnvelope(envelope, EPOCH_TYPE, keys);
    if (opened.kind === 'refused') {
      problems.push(`the statement of an epoch is not signed by a trusted key (${opened.reason})`);
      return;
    }
    const statement = parseEpoch(opened.payload);
    problems.push(...misplacement(statement, epoch, previous));
    epoch = { statement, hash: hashCheckpoint(opened.payload).toString('hex') };
    report.epochs.push(statement);
  };

  const takeCheckpoint = (line: Extract<z.output<typeof lineSchema>, { type: 'checkpoint' }>): void => {
    const sealed = rows;
    rows = [];
    const expectedNumber = previous === undefined ? undefined : previous.checkpoint.batch + 1;
    const opened = openEnvelope(line.checkpoint, CHECKPOINT_TYPE, keys);
    if (opened.kind === 'refused') {
      problems.push(`batch ${expectedNumber ?? '?'}: its checkpoint is not signed by a trusted key (${opened.reason})`);
      return;
    }
    const checkpoint = parseCheckpoint(opened.payload);
    const hash = hashCheckpoint(opened.payload).toString('hex');
    const { batch } = checkpoint;
    if (expectedNumber !== undefined && batch !== expectedNumber) {
      problems.push(
        `batch ${batch} stands where batch ${expectedNumber} must: batches were removed, inserted or moved`,
      );
    } else if (checkpoint.previousCheckpoint !== (previous?.hash ?? null) && (previous !== undefined || batch === 1)) {
      problems.push(`batch ${batch} does not follow the checkpoint before it`);
    }
    if (report.installation !== undefined && checkpoint.installation !== report.installation) {
      problems.push(`batch ${batch} is of another installation`);
    }
    if (checkpoint.epoch !== epoch?.hash) {
      problems.push(`batch ${batch} is of another epoch than the statement before it: one was removed or inserted`);
    }
    const removed =
      line.removal !== undefined && sealed.length === 0 && isRemoved(line.removal, checkpoint, hash, keys);
    if (!removed) problems.push(...differences(checkpoint, sealed));
    report.batches += 1;
    report.rows += sealed.length;
    if (removed) report.removedBatches += 1;
    report.firstBatch ??= batch;
    report.lastBatch = batch;
    report.lastCheckpoint = hash;
    report.sealedAtUtc = checkpoint.sealedAtUtc;
    if (hash === expectedCheckpoint) report.holdsExpected = true;
    previous = { checkpoint, hash };
    onBatch?.({ checkpoint, envelope: line.checkpoint, hash, rows: sealed });
  };

  return {
    report,
    take(line: z.output<typeof lineSchema>): void {
      switch (line.type) {
        case 'header':
          report.installation = line.installation;
          if (trusted === undefined) keys = keysOf(line.keys.map(({ jwk }) => Buffer.from(jwk.x, 'base64url')));
          break;
        case 'epoch':
          takeEpoch(line.statement);
          break;
        case 'row':
          rows.push(line.row);
          break;
        case 'checkpoint':
          takeCheckpoint(line);
          break;
        case 'end':
          ended = true;
          break;
      }
    },
    finish(): ExportReport {
      if (rows.length > 0) problems.push(`${rows.length} rows at the end are in no sealed batch`);
      if (!ended) problems.push('the export has no end: it was cut off');
      if (report.holdsExpected === false) {
        problems.push(`the chain does not hold the checkpoint ${expectedCheckpoint}${explanation(report.epochs)}`);
      }
      return report;
    },
  };
}

/** Why a statement can't stand where it does. */
function misplacement(
  { epoch, previousEpoch, afterBatch, previousCheckpoint }: EpochStatement,
  last: { statement: EpochStatement; hash: string } | undefined,
  previous: { checkpoint: Checkpoint; hash: string } | undefined,
): string[] {
  const follows =
    last === undefined
      ? (epoch === 1) === (previousEpoch === null)
      : epoch === last.statement.epoch + 1 && previousEpoch === last.hash;
  if (!follows) return [`epoch ${epoch} does not follow the epoch before it`];
  const isThere =
    previous === undefined
      ? (afterBatch === 0) === (previousCheckpoint === null)
      : afterBatch === previous.checkpoint.batch && previousCheckpoint === previous.hash;
  return isThere ? [] : [`epoch ${epoch} opens behind batch ${afterBatch}, and does not stand there`];
}

/** A restore is an honest reason to lack a checkpoint; whether it is the reason, an earlier export tells. */
function explanation(epochs: readonly EpochStatement[]): string {
  const last = epochs.findLast(({ epoch }) => epoch > 1);
  if (last === undefined) return '';
  return `; a new epoch was opened behind batch ${last.afterBatch} at ${last.openedAtUtc}, as after a restore: give the export that holds the checkpoint as --earlier`;
}

/** The keys by the ids that signatures name. */
export function keysOf(publicKeys: readonly Buffer[]): Keys {
  return new Map(publicKeys.map((key) => [keyIdOf(key), keyObjectOf(key)]));
}

function differences(checkpoint: Checkpoint, rows: readonly PresentedRow[]): string[] {
  const where = `batch ${checkpoint.batch} (sealed ${checkpoint.sealedAtUtc})`;
  if (rows.length !== checkpoint.rows) {
    return [`${where} has ${rows.length} rows, and ${checkpoint.rows} were sealed: rows were removed or inserted`];
  }
  const root = rootOf(rows.map(leafOf)).toString('hex');
  if (root === checkpoint.rootHash) return [];
  const [first, last] = [rows[0], rows.at(-1)];
  return [
    `${where}, rows ${first?.auditId} to ${last?.auditId}: they are not those that were sealed: one was edited, exchanged or moved`,
  ];
}

function isRemoved(envelope: Envelope, checkpoint: Checkpoint, hash: string, keys: Keys): boolean {
  const opened = openEnvelope(envelope, REMOVAL_TYPE, keys);
  if (opened.kind === 'refused') return false;
  const removal = parseRemoval(opened.payload);
  return removal.batch === checkpoint.batch && removal.checkpoint === hash;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}
