import { z } from 'zod';
import { OPERATIONS_SETTINGS } from './operations-settings.ts';
import { S3_SETTINGS } from './s3-settings.ts';
import { SECURITY_SETTINGS } from './security-settings.ts';
import { httpUrl, setting, wholeNumber, yesOrNo } from './setting.ts';

const TEBIBYTE = 1024 ** 4;
const DAY_SECONDS = 86_400;

/**
 * Every setting of the server. `docs/configuration.md` is generated from this table, `artifortress config` prints it, and a
 * name that is not in it is refused at start.
 */
export const SETTINGS = {
  port: setting('PORT', wholeNumber(0, 65_535), '8080', 'TCP port to listen on; 0 takes a free one.'),
  host: setting('HOST', z.string().min(1), '127.0.0.1', 'Address to listen on.'),
  databaseUrl: setting(
    'DATABASE_URL',
    z.string().regex(/^postgres(ql)?:\/\//, 'must start with postgres:// or postgresql://'),
    undefined,
    'PostgreSQL to use. Unset: an embedded PostgreSQL under the data folder.',
    { secret: true },
  ),
  dataDirectory: setting(
    'ARTIFORTRESS_DATA_DIR',
    z.string().min(1),
    './artifortress-data',
    'Folder of the embedded database, of the stored bytes, and of the key that signs the URLs of parts.',
  ),
  walArchiveDirectory: setting(
    'ARTIFORTRESS_WAL_ARCHIVE_DIR',
    z.string().min(1),
    undefined,
    'Folder, on another disk than the data folder, to which the embedded PostgreSQL copies its log, so that "artifortress restore" can go back to any moment since a backup. Unset: the log is not kept.',
  ),
  walArchiveSeconds: setting(
    'ARTIFORTRESS_WAL_ARCHIVE_SECONDS',
    wholeNumber(1, 86_400),
    '60',
    'How long what was written may wait until its part of the log is archived. A part takes 16 MiB, full or not.',
  ),
  publicUrl: setting(
    'ARTIFORTRESS_PUBLIC_URL',
    httpUrl,
    undefined,
    'The address under which clients reach this server; every absolute URL is made from it. Unset: http://HOST:PORT.',
  ),
  bootstrapToken: setting(
    'ARTIFORTRESS_BOOTSTRAP_TOKEN',
    z.string().min(8, 'must have at least 8 characters').max(512, 'must have at most 512 characters'),
    undefined,
    'The secret that issues the first tokens. Unset: one is generated and printed at the first start.',
    { secret: true },
  ),
  logLevel: setting(
    'ARTIFORTRESS_LOG_LEVEL',
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    undefined,
    'Least level that is logged. Unset: info, or warn where standard error is a terminal.',
  ),
  uploadTtlSeconds: setting(
    'ARTIFORTRESS_UPLOAD_TTL_SECONDS',
    wholeNumber(1, 30 * DAY_SECONDS),
    String(DAY_SECONDS),
    'How long an upload session may take from create to commit.',
  ),
  partUrlTtlSeconds: setting(
    'ARTIFORTRESS_PART_URL_TTL_SECONDS',
    wholeNumber(1, 7 * DAY_SECONDS),
    '900',
    'How long the URL of a part can be used.',
  ),
  tokenMaximumTtlMinutes: setting(
    'ARTIFORTRESS_TOKEN_MAX_TTL_MINUTES',
    wholeNumber(5, 525_600),
    '1440',
    'The longest life of a token that may be asked for.',
  ),
  maximumArtifactBytes: setting(
    'ARTIFORTRESS_MAX_ARTIFACT_BYTES',
    wholeNumber(1, 5 * TEBIBYTE),
    String(5 * TEBIBYTE),
    'The largest artifact that may be declared.',
  ),
  databasePoolSize: setting(
    'ARTIFORTRESS_DATABASE_POOL_SIZE',
    wholeNumber(2, 500),
    '12',
    'Connections to PostgreSQL that this process opens at most.',
  ),
  worker: setting(
    'ARTIFORTRESS_WORKER',
    yesOrNo,
    'true',
    'Whether this process also runs what works by the clock: expiry, deletion, jobs.',
  ),
  workerIntervalSeconds: setting(
    'ARTIFORTRESS_WORKER_INTERVAL_SECONDS',
    wholeNumber(1, 3600),
    '5',
    'How often the worker looks for overdue sessions and due jobs.',
  ),
  deletionDelaySeconds: setting(
    'ARTIFORTRESS_DELETION_DELAY_SECONDS',
    wholeNumber(0, 365 * DAY_SECONDS),
    String(DAY_SECONDS),
    'How long the bytes of a blob that nothing refers to are kept. Longer than your backup window makes restores whole.',
  ),
  verificationConcurrency: setting(
    'ARTIFORTRESS_VERIFICATION_CONCURRENCY',
    wholeNumber(1, 64),
    '2',
    'Stored objects that are read back and hashed at the same time.',
  ),
  maximumDownloads: setting(
    'ARTIFORTRESS_MAX_DOWNLOADS',
    wholeNumber(1, 100_000),
    '2000',
    'Downloads in progress at the same time; one more is answered 503.',
  ),
  readAheadBytes: setting(
    'ARTIFORTRESS_READ_AHEAD_BYTES',
    wholeNumber(1_048_576, 16 * 1024 ** 3),
    String(64 * 1024 ** 2),
    'Memory that all downloads in progress share for reading ahead.',
  ),
  downloadRedirect: setting(
    'ARTIFORTRESS_DOWNLOAD_REDIRECT',
    yesOrNo,
    'false',
    'Whether downloads are answered by a redirect to the object store, unless ?redirect=0 asks otherwise. Clients must reach the store.',
  ),
  downloadUrlTtlSeconds: setting(
    'ARTIFORTRESS_DOWNLOAD_URL_TTL_SECONDS',
    wholeNumber(1, 7 * DAY_SECONDS),
    '60',
    'How long the URL of a redirected download can be used.',
  ),
  ...S3_SETTINGS,
  ...OPERATIONS_SETTINGS,
  ...SECURITY_SETTINGS,
  jsonBodyTimeoutSeconds: setting(
    'ARTIFORTRESS_JSON_BODY_TIMEOUT_SECONDS',
    wholeNumber(1, 3600),
    '30',
    'How long the JSON body of a request may take to arrive.',
  ),
  headersTimeoutSeconds: setting(
    'ARTIFORTRESS_HEADERS_TIMEOUT_SECONDS',
    wholeNumber(1, 3600),
    '30',
    'How long the head of a request may take to arrive.',
  ),
} as const;

/** Variables of the command line, legal in the same environment and without meaning to the server. */
export const CLIENT_VARIABLES = ['ARTIFORTRESS_URL', 'ARTIFORTRESS_TOKEN'] as const;

/** Names the optional file of settings. */
export const CONFIG_FILE_VARIABLE = 'ARTIFORTRESS_CONFIG_FILE';

export type SettingName = keyof typeof SETTINGS;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of the table above are all the names there are
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

type SettingValue<Name extends SettingName> = z.output<(typeof SETTINGS)[Name]['schema']>;

/** The settings that have no default and may therefore be absent. */
type OptionalSetting =
  | 'databaseUrl'
  | 'walArchiveDirectory'
  | 'publicUrl'
  | 'bootstrapToken'
  | 'logLevel'
  | 'metricsToken'
  | 'otlpTracesUrl'
  | 'otlpHeaders'
  | 's3Bucket'
  | 's3Endpoint'
  | 's3PublicEndpoint'
  | 's3CaFile'
  | 's3ServerSideEncryption'
  | 's3KmsKeyId'
  | 'corsOrigins'
  | 'tlsCertificateFile'
  | 'tlsKeyFile'
  | 'trustedProxies'
  | 'oidcFile'
  | 'signingKeyFile'
  | 'auditRetentionDays';

export type Settings = {
  readonly [Name in Exclude<SettingName, OptionalSetting>]: SettingValue<Name>;
} & { readonly [Name in OptionalSetting]: SettingValue<Name> | undefined };
