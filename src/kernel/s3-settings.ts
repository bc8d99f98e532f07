import { z } from 'zod';
import { httpUrl, setting, wholeNumber, yesOrNo } from './setting.ts';

/** Where the bytes lie: a bucket set means an S3-compatible store. Credentials come by the AWS SDK's chain, never from here. */
export const S3_SETTINGS = {
  s3Bucket: setting(
    'ARTIFORTRESS_S3_BUCKET',
    z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be the name of a bucket'),
    undefined,
    'Bucket for the bytes. Set: an S3-compatible store; unset: the folder "objects" under the data folder. Credentials as the AWS SDK finds them (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, profile, web identity, instance).',
  ),
  s3Endpoint: setting(
    'ARTIFORTRESS_S3_ENDPOINT',
    httpUrl,
    undefined,
    "Address of the store. Unset: AWS's of the region.",
  ),
  s3PublicEndpoint: setting(
    'ARTIFORTRESS_S3_PUBLIC_ENDPOINT',
    httpUrl,
    undefined,
    'Address of the store as clients reach it, for presigned URLs. Unset: the same.',
  ),
  s3Region: setting(
    'ARTIFORTRESS_S3_REGION',
    z.string().regex(/^[a-z0-9-]{1,64}$/),
    'us-east-1',
    'Region of the bucket.',
  ),
  s3ForcePathStyle: setting(
    'ARTIFORTRESS_S3_FORCE_PATH_STYLE',
    yesOrNo,
    'false',
    'Whether the bucket stands in the path of URLs and not in the host name. MinIO and most others need true.',
  ),
  s3Prefix: setting(
    'ARTIFORTRESS_S3_PREFIX',
    z
      .string()
      .regex(
        /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*\/?$/,
        'must be names of letters, digits, ".", "_" and "-", divided by "/"',
      )
      .transform((text) => (text.endsWith('/') ? text : `${text}/`))
      .or(z.literal('')),
    '',
    'Stands before the key of every object, so that installations can share a bucket.',
  ),
  s3CaFile: setting(
    'ARTIFORTRESS_S3_CA_FILE',
    z.string().min(1),
    undefined,
    "File of PEM certificates that the store's own is checked by. Unset: the system's authorities.",
  ),
  s3VerifyTls: setting(
    'ARTIFORTRESS_S3_VERIFY_TLS',
    yesOrNo,
    'true',
    "Whether the store's certificate is checked. Only for a trial: false lets anyone in between read and change bytes.",
  ),
  s3ServerSideEncryption: setting(
    'ARTIFORTRESS_S3_SERVER_SIDE_ENCRYPTION',
    z.enum(['AES256', 'aws:kms']),
    undefined,
    "Encryption that is asked for with each object. Unset: the bucket's own default.",
  ),
  s3KmsKeyId: setting(
    'ARTIFORTRESS_S3_KMS_KEY_ID',
    z.string().min(1),
    undefined,
    'Key for aws:kms. Unset: the default one.',
  ),
  s3ConnectTimeoutMs: setting(
    'ARTIFORTRESS_S3_CONNECT_TIMEOUT_MS',
    wholeNumber(100, 60_000),
    '3000',
    'How long a connection to the store may take to be made.',
  ),
  s3RequestTimeoutMs: setting(
    'ARTIFORTRESS_S3_REQUEST_TIMEOUT_MS',
    wholeNumber(100, 600_000),
    '15000',
    'How long the store may take to answer a call, and to send or take the next bytes of a body.',
  ),
  s3MaximumAttempts: setting(
    'ARTIFORTRESS_S3_MAX_ATTEMPTS',
    wholeNumber(1, 10),
    '3',
    'How often a call to the store is made before it counts as failed.',
  ),
} as const;
