import { type AuditApi, auditApi } from './audit.ts';
import { type BindingsApi, bindingsApi } from './bindings.ts';
import { type BlobsApi, blobsApi } from './blobs.ts';
import { type PulledBlob, type PullOptions, pull } from './pull.ts';
import { type PulledInto, type PullIntoOptions, pullInto } from './pull-into.ts';
import { push } from './push.ts';
import type { PushOptions, PushResult } from './push-types.ts';
import { type RepositoriesApi, repositoriesApi } from './repositories.ts';
import { DEFAULT_RETRY_POLICY, type RetryPolicy } from './retry.ts';
import { platformRuntime, type Runtime } from './runtime.ts';
import { type ServiceApi, serviceApi } from './service.ts';
import { type TokensApi, tokensApi } from './tokens.ts';
import { createTransport, type Transport } from './transport.ts';
import { type UploadsApi, uploadsApi } from './uploads.ts';

export interface ArtifortressOptions {
  /** The server's address, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly token?: string | undefined;
  readonly retry?: Partial<RetryPolicy> | undefined;
  /** Replaces parts of the platform; in Node, `createHash` over `node:crypto` is five times the portable one. */
  readonly runtime?: Partial<Runtime> | undefined;
}

/**
 * One server, as one caller. Every method throws `ArtifortressError`, or the signal's reason where the caller aborts.
 *
 * @example
 * const artifortress = new Artifortress({ url: 'http://127.0.0.1:8080', token });
 * const { digest } = await artifortress.push({ repoKey: 'libs', source: blob });
 * const { body } = await artifortress.pull({ repoKey: 'libs', digest });
 */
export class Artifortress {
  readonly url: string;
  readonly service: ServiceApi;
  readonly tokens: TokensApi;
  readonly repositories: RepositoriesApi;
  readonly bindings: BindingsApi;
  readonly audit: AuditApi;
  readonly uploads: UploadsApi;
  readonly blobs: BlobsApi;
  readonly #transport: Transport;

  constructor({ url, token, retry, runtime }: ArtifortressOptions) {
    const transport = createTransport({
      url,
      token,
      runtime: platformRuntime(runtime ?? {}),
      policy: { ...DEFAULT_RETRY_POLICY, ...retry },
    });
    this.#transport = transport;
    this.url = transport.baseUrl;
    this.service = serviceApi(transport);
    this.tokens = tokensApi(transport);
    this.repositories = repositoriesApi(transport);
    this.bindings = bindingsApi(transport);
    this.audit = auditApi(transport);
    this.uploads = uploadsApi(transport);
    this.blobs = blobsApi(transport);
  }

  /** Takes content into a repository and returns once the server has proved its digest. */
  push(options: PushOptions): Promise<PushResult> {
    return push(this.#transport, this.uploads, options);
  }

  /** Opens a blob; its bytes are verified as they stream, and a broken connection is taken up where it broke. */
  pull(options: PullOptions): Promise<PulledBlob> {
    return pull(this.#transport, this.blobs, options);
  }

  /** Fetches a blob by ranges in parallel into a target that takes bytes at any place, such as a file. Resolves once it is verified. */
  pullInto(options: PullIntoOptions): Promise<PulledInto> {
    return pullInto(this.#transport, this.blobs, options);
  }
}
