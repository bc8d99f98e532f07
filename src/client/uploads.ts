import { itemsOf } from './pages.ts';
import { path } from './path.ts';
import {
  parseAbortedUpload,
  parseCommitted,
  parseCompletedUpload,
  parseCreatedUpload,
  parsePage,
  parsePresignedPart,
  parsePresignedParts,
  parseUploadDetails,
  parseUploadSummary,
  parseVerifiedBytes,
} from './responses.ts';
import { parseRetryAfter } from './retry.ts';
import type { Transport } from './transport.ts';
import type {
  AbortedUpload,
  CallOptions,
  CommittedUpload,
  CompletedPart,
  CompletedUpload,
  CreatedUpload,
  Page,
  PageOptions,
  PartRequest,
  PresignedPart,
  UploadDetails,
  UploadState,
  UploadSummary,
  VerifyingUpload,
} from './types.ts';

/** How long to wait before asking again where a 202 says nothing, and the most that one may make a client wait. */
const DEFAULT_VERIFY_POLL_MS = 1_000;
const MAX_VERIFY_POLL_MS = 30_000;

/** The steps of an upload, for those who want them one by one; `Artifortress.push` takes them all. */
export interface UploadsApi {
  /** Repeated after a lost reply: the session that nobody knows of then expires by itself. */
  create(
    repoKey: string,
    expected: { readonly digest: string; readonly lengthBytes: number },
    options?: CallOptions,
  ): Promise<CreatedUpload>;
  list(repoKey: string, options?: UploadListOptions): Promise<Page<UploadSummary>>;
  all(repoKey: string, options?: UploadListOptions): AsyncGenerator<UploadSummary>;
  get(repoKey: string, uploadId: string, options?: CallOptions): Promise<UploadDetails>;
  presignPart(repoKey: string, uploadId: string, part: PartRequest, options?: CallOptions): Promise<PresignedPart>;
  /** 1 to 1,000 parts. */
  presignParts(
    repoKey: string,
    uploadId: string,
    parts: readonly PartRequest[],
    options?: CallOptions,
  ): Promise<readonly PresignedPart[]>;
  complete(
    repoKey: string,
    uploadId: string,
    parts: readonly CompletedPart[],
    options?: CallOptions,
  ): Promise<CompletedUpload>;
  /** One call; a long verification answers `verifying`, and the same call later tells its end. */
  commit(repoKey: string, uploadId: string, options?: CallOptions): Promise<CommittedUpload | VerifyingUpload>;
  abort(repoKey: string, uploadId: string, options?: CallOptions & { reason?: string }): Promise<AbortedUpload>;
}

export interface UploadListOptions extends PageOptions, CallOptions {
  readonly state?: UploadState | undefined;
}

export function uploadsApi(transport: Transport): UploadsApi {
  const { json } = transport;
  const list: UploadsApi['list'] = (repoKey, { limit, cursor, state, signal } = {}) =>
    json(
      {
        method: 'GET',
        path: path`/v1/repos/${repoKey}/uploads`,
        query: { limit, cursor, state },
        repeat: 'always',
        signal,
      },
      parsePage(parseUploadSummary),
    );
  const post = (route: string, body: unknown, signal: AbortSignal | undefined) =>
    ({ method: 'POST', path: route, json: body, repeat: 'always', signal }) as const;

  return {
    create: (repoKey, { digest, lengthBytes }, { signal } = {}) => {
      const body = { expectedDigest: digest, expectedLength: lengthBytes };
      return json(post(path`/v1/repos/${repoKey}/uploads`, body, signal), parseCreatedUpload);
    },
    list,
    all: (repoKey, options = {}) =>
      itemsOf((cursor) => list(repoKey, { ...options, cursor: cursor ?? options.cursor })),
    get: (repoKey, uploadId, { signal } = {}) =>
      json(
        { method: 'GET', path: path`/v1/repos/${repoKey}/uploads/${uploadId}`, repeat: 'always', signal },
        parseUploadDetails,
      ),
    presignPart: (repoKey, uploadId, part, { signal } = {}) =>
      json(post(path`/v1/repos/${repoKey}/uploads/${uploadId}/parts`, part, signal), parsePresignedPart),
    presignParts: async (repoKey, uploadId, parts, { signal } = {}) => {
      const route = path`/v1/repos/${repoKey}/uploads/${uploadId}/parts`;
      return (await json(post(route, { parts }, signal), parsePresignedParts)).parts;
    },
    complete: (repoKey, uploadId, parts, { signal } = {}) =>
      json(post(path`/v1/repos/${repoKey}/uploads/${uploadId}/complete`, { parts }, signal), parseCompletedUpload),
    commit: async (repoKey, uploadId, { signal } = {}) => {
      const spec = post(path`/v1/repos/${repoKey}/uploads/${uploadId}/commit`, {}, signal);
      const answer = await transport.jsonAnswer(spec, (value) => value);
      if (answer.status !== 202) return { status: 'committed', ...parseCommitted(answer.value, '') };
      const retryAfterMs = parseRetryAfter(answer.headers.get('retry-after'), transport.runtime.now());
      return {
        status: 'verifying',
        uploadId,
        retryAfterMs: Math.min(retryAfterMs ?? DEFAULT_VERIFY_POLL_MS, MAX_VERIFY_POLL_MS),
        verifiedBytes: parseVerifiedBytes(answer.value, ''),
      };
    },
    abort: (repoKey, uploadId, { reason, signal } = {}) => {
      const body = reason === undefined ? {} : { reason };
      return json(post(path`/v1/repos/${repoKey}/uploads/${uploadId}/abort`, body, signal), parseAbortedUpload);
    },
  };
}
