// Makes the bucket of the settings, unless it is there. It runs in the server's image, whose S3 client it uses.
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

const {
  ARTIFORTRESS_S3_BUCKET: bucket,
  ARTIFORTRESS_S3_ENDPOINT: endpoint,
  ARTIFORTRESS_S3_REGION: region = 'us-east-1',
} = process.env;

const client = new S3Client({ endpoint, region, forcePathStyle: true });
try {
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  process.stdout.write(`The bucket ${bucket} is made.\n`);
} catch (error) {
  if (error.name !== 'BucketAlreadyOwnedByYou') throw error;
  process.stdout.write(`The bucket ${bucket} is there.\n`);
}
