import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { startTestServer } from '../support/test-server.ts';
import { writeOidcFile } from './issuer.ts';

const AUDIENCE = 'urn:artifortress';

/** A certified OpenID provider, which issues JWTs to clients that prove who they are. */
async function startProvider(): Promise<{ issuer: string; close(): Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const issuer = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'build',
        client_secret: 'a-secret-of-a-test',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({ scope: '', audience: AUDIENCE, accessTokenFormat: 'jwt', accessTokenTTL: 300 }),
      },
    },
  });
  const answer = provider.callback();
  server.on('request', (request, response) => void answer(request, response));
  return { issuer, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

test('a JWT of an OpenID provider is exchanged, by its discovery document and its own keys', async () => {
  const provider = await startProvider();
  const file = await writeOidcFile([
    {
      issuer: provider.issuer,
      audience: AUDIENCE,
      rules: [{ claims: { client_id: 'build' }, scopes: ['repo:app:write'] }],
    },
  ]);
  const server = await startTestServer({ settings: { oidcFile: file.path } });
  const granted = await fetch(`${provider.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from('build:a-secret-of-a-test').toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: AUDIENCE }),
  });
  const { access_token: token } = z.object({ access_token: z.string() }).parse(await granted.json());
  const reply = await server.request('POST', '/v1/auth/oidc/exchange', { token: null, json: { token } });
  expect(reply.json).toMatchObject({ subject: 'oidc:build', scopes: ['repo:app:write'] });
  await Promise.all([server.close(), provider.close(), file.remove()]);
});
