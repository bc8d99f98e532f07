import { z } from 'zod';
import { type App, access } from '../http/app.ts';
import { answers, noBody } from '../http/schemas.ts';
import { readContentLength, sendContinue } from '../http/streamed-body.ts';
import { AppError } from '../kernel/errors.ts';
import {
  CHECKSUM_HEADER,
  PART_CONTENT_PATH,
  type PartPermit,
  type PartUrlSigner,
  toBase64,
} from '../objects/filesystem/part-url.ts';
import { PART_LIMITS } from '../objects/object-store.ts';
import type { PartReceiver } from '../objects/observed-store.ts';
import type { Services } from '../services.ts';
import { isTakingParts } from './session-store.ts';

export interface PartContentOptions {
  store: PartReceiver;
  signer: PartUrlSigner;
}

/** Bodies larger than this are refused before they are sent where their upload has ended; smaller ones are judged once, at their end. */
const EARLY_JUDGEMENT_BYTES = 1024 ** 2;

/** Where the URLs of the folder store point: it answers as S3 does, so that clients can't tell the two apart. */
export function registerPartContentRoute(app: App, services: Services, { store, signer }: PartContentOptions): void {
  app.put(
    `${PART_CONTENT_PATH}/*`,
    {
      config: { access: access.signedUrl, streamsBody: true },
      schema: {
        tags: ['uploads'],
        summary: 'Take the bytes of a part',
        description: 'Only by an uploadUrl, whose query is its signature.',
        params: z.object({ '*': z.string() }),
        response: answers({ 200: noBody }),
      },
    },
    async (request, reply) => {
      const permit = readPermit(request);
      checkHeaders(permit, request.headers);
      const lengthBytes = readContentLength(request.headers, PART_LIMITS.maximumBytes);
      if (permit.sizeBytes !== undefined && permit.sizeBytes !== lengthBytes) {
        throw new AppError('bad_request', `This URL takes a body of exactly ${permit.sizeBytes} bytes.`);
      }
      const stillOpen = () => isTakingParts(services.db, permit, services.clock.now());
      if (lengthBytes > EARLY_JUDGEMENT_BYTES && !(await stillOpen())) {
        throw new AppError('conflict', 'The upload of this part was completed or has ended: it takes no more parts.');
      }
      const { etag } = await services.streamedUploads.admit(() => {
        sendContinue(request, reply);
        return store.receivePart(permit, request.raw, lengthBytes, stillOpen);
      });
      return reply.code(200).header('etag', `"${etag}"`).send(undefined);
    },
  );

  function readPermit(request: { params: { '*': string }; query: unknown }): PartPermit {
    const reading = signer.read(request.params['*'], queryFields(request.query), services.clock.now());
    if (reading.kind === 'permit') return reading.permit;
    if (reading.kind === 'malformed')
      throw new AppError('bad_request', 'This is no URL of a part: use an uploadUrl unchanged.');
    throw new AppError(
      'forbidden',
      reading.kind === 'expired'
        ? 'This uploadUrl has expired: request the part again.'
        : 'The signature of this uploadUrl does not fit: use it unchanged.',
      { denied: { needed: 'a valid uploadUrl', reason: reading.kind } },
    );
  }
}

function queryFields(query: unknown): Readonly<Record<string, unknown>> {
  return typeof query === 'object' && query !== null ? { ...query } : {};
}

/** The checksum is a signed header, as with S3: who leaves it out, or sends another one, is refused before the bytes. */
function checkHeaders(permit: PartPermit, headers: Readonly<Record<string, string | string[] | undefined>>): void {
  if (permit.sha256 === undefined || headers[CHECKSUM_HEADER] === toBase64(permit.sha256)) return;
  throw new AppError('bad_request', `This URL takes the header "${CHECKSUM_HEADER}" that came with it, unchanged.`);
}
