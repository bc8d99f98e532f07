import type { S3Location } from './client.ts';

/**
 * The addresses under which clients may reach a bucket by a presigned URL: by path, and, unless that is forced, by the bucket's own
 * host name. Which of the two the SDK takes depends on the bucket's name and on the endpoint.
 */
export function bucketAddresses(location: S3Location): string[] {
  const { bucket, endpoint, publicEndpoint, region, forcePathStyle } = location;
  const byPath = new URL(publicEndpoint ?? endpoint ?? `https://s3.${region}.amazonaws.com`);
  if (forcePathStyle) return [byPath.origin];
  const byHost = `${byPath.protocol}//${bucket}.${byPath.host}`;
  return URL.canParse(byHost) ? [byPath.origin, byHost] : [byPath.origin];
}
