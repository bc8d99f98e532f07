import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';

/** Where the bucket is and how it is spoken to, in a form that can be handed to a worker thread. Credentials are never in it. */
export interface S3Location {
  bucket: string;
  /** Undefined: AWS's own of the region. */
  endpoint: string | undefined;
  /** The endpoint as clients reach it; undefined: the same. */
  publicEndpoint: string | undefined;
  region: string;
  forcePathStyle: boolean;
  /** Stands before every key; empty, or ending in a slash. */
  prefix: string;
  caFile: string | undefined;
  verifyTls: boolean;
  serverSideEncryption: 'AES256' | 'aws:kms' | undefined;
  kmsKeyId: string | undefined;
  connectTimeoutMs: number;
  requestTimeoutMs: number;
  maximumAttempts: number;
}

/** Sockets for calls that carry no body to speak of: readers, however slow and many, never take one of these. */
const CONTROL_SOCKETS = 64;

/** How long an idle connection is kept for the next call. */
const KEEP_ALIVE_MS = 10_000;

/** What the SDK would print, the failure that it throws says as well. */
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

interface ClientOptions {
  maximumSockets: number;
  /** Time to the answer's first byte; undefined where a body sent slowly is no failure. */
  requestTimeoutMs: number | undefined;
}

/**
 * A client with a connection pool of its own. Credentials come by the SDK's chain: environment, profile, web identity, instance.
 * @throws Error where the file of certificates can't be read.
 */
function createClient(location: S3Location, endpoint: string | undefined, options: ClientOptions): S3Client {
  const ca = location.caFile === undefined ? {} : { ca: readFileSync(location.caFile) };
  const agent = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxSockets: options.maximumSockets };
  const requestTimeout = options.requestTimeoutMs;
  return new S3Client({
    region: location.region,
    forcePathStyle: location.forcePathStyle,
    ...(endpoint === undefined ? {} : { endpoint }),
    // A checksum of the SDK's own choice would be one that clients of presigned URLs can't know.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: location.maximumAttempts,
    logger: SILENT,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: location.connectTimeoutMs,
      ...(requestTimeout === undefined ? {} : { requestTimeout, throwOnRequestTimeout: true }),
      // Nothing waits for a socket of a pool that is as large as what is let in; the SDK's warning would only be noise.
      socketAcquisitionWarningTimeout: 2 ** 31 - 1,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent({ ...agent, ...ca, rejectUnauthorized: location.verifyTls }),
    }),
  });
}

export interface S3Clients {
  /** For calls without bodies. */
  control: S3Client;
  /** For bodies, in either direction. */
  bodies: S3Client;
  /** Signs URLs that clients use; calls nobody. */
  signing: S3Client;
  close(): void;
}

export function createClients(location: S3Location, maximumBodies: number): S3Clients {
  const { endpoint, requestTimeoutMs } = location;
  const control = createClient(location, endpoint, { maximumSockets: CONTROL_SOCKETS, requestTimeoutMs });
  const bodies = createBodyClient(location, maximumBodies);
  const signing = createClient(location, location.publicEndpoint ?? endpoint, {
    maximumSockets: 1,
    requestTimeoutMs,
  });
  return {
    control,
    bodies,
    signing,
    close() {
      for (const client of [control, bodies, signing]) client.destroy();
    },
  };
}

export function createBodyClient(location: S3Location, maximumBodies: number): S3Client {
  return createClient(location, location.endpoint, { maximumSockets: maximumBodies, requestTimeoutMs: undefined });
}
