import { HIDDEN_BYTES, type Hidden, OWN, VAULT } from './hidden.ts';
import type { AskOptions, Witness } from './witness.ts';

/** A way to find out something about bytes. */
export type Probe = (witness: Witness, hidden: Hidden) => Promise<unknown>;

/** Bytes that are never what is declared. */
const OTHER = Buffer.alloc(HIDDEN_BYTES, 'other');

const blobs = `/v1/repos/${OWN}/blobs`;
const uploads = `/v1/repos/${OWN}/uploads`;

const declare = ({ digest }: Hidden, expectedLength = HIDDEN_BYTES) => ({ expectedDigest: digest, expectedLength });

async function create({ ask }: Witness, hidden: Hidden, length?: number): Promise<string> {
  const { uploadId } = await ask('POST', uploads, { as: 'writer', json: declare(hidden, length) });
  return `${uploads}/${String(uploadId)}`;
}

/** A whole upload of these bytes, whatever is declared. */
async function upload(witness: Witness, hidden: Hidden, bytes: Buffer, checksummed = false): Promise<void> {
  const session = await create(witness, hidden);
  const etag = await witness.sendPart(session, bytes, { checksummed });
  await witness.ask('POST', `${session}/complete`, { as: 'writer', json: { parts: [{ partNumber: 1, etag }] } });
  await witness.ask('POST', `${session}/commit`, { as: 'writer' });
  await witness.ask('GET', session, { as: 'writer' });
}

async function put({ ask }: Witness, { digest }: Hidden, body: Buffer, options: Partial<AskOptions> = {}) {
  await ask('PUT', `${blobs}/${digest}`, { as: 'writer', body, ...options });
}

const AWAIT_CONTINUE = { headers: { expect: '100-continue' } };

function download(headers: (hidden: Hidden) => Record<string, string>, query = ''): Probe {
  return async ({ ask }, hidden) => {
    for (const method of ['GET', 'HEAD']) {
      await ask(method, `${blobs}/${hidden.digest}${query}`, { as: 'reader', headers: headers(hidden) });
    }
  };
}

/** What can be asked about bytes that one does not have. */
export const PROBES: Readonly<Record<string, Probe>> = {
  'a download': download(() => ({})),
  'a range': download(() => ({ range: 'bytes=0-9' })),
  'a range past the end': download(() => ({ range: 'bytes=5000-' })),
  'several ranges': download(() => ({ range: 'bytes=0-1,4-5' })),
  'a condition on its ETag': download(({ digest }) => ({ 'if-none-match': `"${digest}"` })),
  'a condition on anything': download(() => ({ 'if-none-match': '*' })),
  'a range under a condition': download(({ digest }) => ({ range: 'bytes=0-9', 'if-range': `"${digest}"` })),
  'a redirect to the store': download(() => ({}), '?redirect=1'),
  'a receipt': ({ ask }, { digest }) => ask('GET', `${blobs}/${digest}/receipt`, { as: 'reader' }),
  'a deletion': ({ ask }, { digest }) => ask('DELETE', `${blobs}/${digest}`, { as: 'owner' }),
  'the list of what starts like it': ({ ask }, { digest }) =>
    ask('GET', `${blobs}?prefix=${digest.slice(0, 12)}`, { as: 'reader' }),
  'the trail of it': ({ ask }, { digest }) => ask('GET', `/v1/audit?resourceId=${digest}`, { as: 'owner' }),
  'the URL of its bytes, without a signature': ({ ask }, { objectKey }) =>
    ask('PUT', `/v1/store/${objectKey}`, { as: 'writer', body: OTHER }),
  'the URL of its bytes, with a wrong signature': ({ ask }, { objectKey }) =>
    ask('PUT', `/v1/store/${objectKey}?part=1&expires=1&max=1&signature=AAAA`, { as: 'writer', body: OTHER }),
  'an upload, left at its start': async (witness, hidden) => {
    const session = await create(witness, hidden);
    await witness.ask('GET', session, { as: 'writer' });
    await witness.ask('GET', `${uploads}?limit=1`, { as: 'writer' });
    await witness.ask('POST', `${session}/abort`, { as: 'writer' });
  },
  'an upload that declares another length': (witness, hidden) => create(witness, hidden, HIDDEN_BYTES + 1),
  'an upload of other bytes': (witness, hidden) => upload(witness, hidden, OTHER),
  'an upload of other bytes, checksummed': (witness, hidden) => upload(witness, hidden, OTHER, true),
  'an upload of fewer bytes': (witness, hidden) => upload(witness, hidden, OTHER.subarray(1)),
  'one request with other bytes': (witness, hidden) => put(witness, hidden, OTHER),
  'one request that asks first whether its bytes are wanted': (witness, hidden) =>
    put(witness, hidden, OTHER, AWAIT_CONTINUE),
  'one request that declares another length': (witness, hidden) => put(witness, hidden, OTHER.subarray(1)),
  'an upload by one who may only read': ({ ask }, hidden) =>
    ask('POST', uploads, { as: 'reader', json: declare(hidden) }),
  'one request by one who may only read': (witness, hidden) => put(witness, hidden, hidden.bytes, { as: 'reader' }),
  'everything, by one who may nothing here': async ({ ask }, hidden) => {
    const as = 'stranger';
    for (const method of ['GET', 'HEAD', 'DELETE']) await ask(method, `${blobs}/${hidden.digest}`, { as });
    await ask('GET', `/v1/repos/${VAULT}/blobs/${hidden.digest}`, { as });
    await ask('GET', `/v1/repos/${VAULT}/blobs?prefix=${hidden.digest}`, { as });
    await ask('PUT', `/v1/repos/${VAULT}/blobs/${hidden.digest}`, { as, body: hidden.bytes });
    await ask('POST', uploads, { as, json: declare(hidden) });
  },
};

/** What can be done with bytes that one has. */
export const SENDINGS: Readonly<Record<string, Probe>> = {
  'an upload': async (witness, hidden) => {
    await upload(witness, hidden, hidden.bytes);
    await look(witness, hidden);
  },
  'a checksummed upload': async (witness, hidden) => {
    await upload(witness, hidden, hidden.bytes, true);
    await look(witness, hidden);
  },
  'one request': async (witness, hidden) => {
    await put(witness, hidden, hidden.bytes);
    await look(witness, hidden);
  },
  'one request that asks first whether its bytes are wanted': async (witness, hidden) => {
    await put(witness, hidden, hidden.bytes, AWAIT_CONTINUE);
    await look(witness, hidden);
  },
};

/** What the caller's own repository then tells of the bytes. */
async function look({ ask }: Witness, { digest }: Hidden): Promise<void> {
  await ask('HEAD', `${blobs}/${digest}`, { as: 'writer' });
  await ask('GET', `${blobs}?limit=1`, { as: 'writer' });
  await ask('GET', `${uploads}?limit=1`, { as: 'writer' });
  await ask('GET', `${blobs}/${digest}/receipt`, { as: 'writer' });
}

/** Anything else that has a name, asked for by its name. */
export const NAMES: Readonly<Record<string, (witness: Witness, name: string) => Promise<void>>> = {
  'an upload of another repository': async ({ ask }, uploadId) => {
    const session = `${uploads}/${uploadId}`;
    const parts = [{ partNumber: 1, etag: 'etag' }];
    await ask('GET', session, { as: 'writer' });
    await ask('POST', `${session}/parts`, { as: 'writer', json: { partNumber: 1 } });
    await ask('POST', `${session}/complete`, { as: 'writer', json: { parts } });
    await ask('POST', `${session}/commit`, { as: 'writer' });
    await ask('POST', `${session}/abort`, { as: 'writer' });
  },
  'another repository': async ({ ask }, repoKey) => {
    const repository = `/v1/repos/${repoKey}`;
    for (const path of ['', '/bindings', '/blobs', '/uploads']) await ask('GET', repository + path, { as: 'owner' });
    await ask('DELETE', repository, { as: 'owner' });
    await ask('PUT', `${repository}/bindings/owner`, { as: 'owner', json: { roles: ['admin'] } });
  },
  'somebody else’s token': async ({ ask }, tokenId) => {
    await ask('POST', '/v1/auth/pats/revoke', { as: 'owner', json: { tokenId } });
  },
};
