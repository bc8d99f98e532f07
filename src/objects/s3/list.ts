import {
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';
import { brand } from '../../kernel/parse.ts';
import type { ListedMultipart, ListedObject, MultipartId } from '../object-store.ts';
import type { S3Location } from './client.ts';
import { storeFailure } from './errors.ts';

/** What every key of an object starts with, behind the installation's own prefix. */
export const KEYS_START_WITH = 'blobs/';

/** What a store doesn't date counts as just made: it is then left alone longest. */
const undated = (): Date => new Date();

export async function* listObjects(client: S3Client, { bucket, prefix }: S3Location): AsyncGenerator<ListedObject> {
  try {
    const pages = paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix + KEYS_START_WITH });
    for await (const { Contents: objects = [] } of pages) {
      for (const { Key: key = '', Size: lengthBytes = 0, LastModified: modifiedAt = undated() } of objects) {
        yield { key: key.slice(prefix.length), lengthBytes, modifiedAt };
      }
    }
  } catch (error) {
    throw storeFailure(error, 'listing objects');
  }
}

/** Of the keys that start with `under`. Some servers answer only to one exact key: to them, all others seem to have none. */
export async function* listMultiparts(
  client: S3Client,
  { bucket, prefix }: S3Location,
  under: string,
): AsyncGenerator<ListedMultipart> {
  let markers: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
  while (markers !== undefined) {
    const command = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix + under, ...markers });
    const page: ListMultipartUploadsCommandOutput = await client.send(command).catch((error: unknown) => {
      throw storeFailure(error, 'listing multipart uploads');
    });
    for (const { Key: key = '', UploadId: id = '', Initiated: startedAt = undated() } of page.Uploads ?? []) {
      yield { key: key.slice(prefix.length), multipartId: brand<MultipartId>(id), startedAt };
    }
    const { IsTruncated: more, NextKeyMarker: keyMarker, NextUploadIdMarker: idMarker } = page;
    markers =
      more === true && keyMarker
        ? { KeyMarker: keyMarker, ...(idMarker ? { UploadIdMarker: idMarker } : {}) }
        : undefined;
  }
}
