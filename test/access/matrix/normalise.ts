import type { Reply } from '../../support/test-server.ts';

/** An answer as text, but for the time and for what names this one request. */
export function normalised({ status, headers, bytes }: Reply): string {
  const lines = [...headers].map(([name, value]) => `${name}: ${name === 'date' ? '<date>' : value}`);
  const text = `${status}\n${lines.sort().join('\n')}\n\n${bytes.toString('latin1')}`;
  return text.replaceAll(headers.get('x-request-id') ?? '<none>', '<requestId>');
}
