import { ArtifortressError, codeOfStatus } from './errors.ts';
import { isRecord } from './parse.ts';
import { parseRetryAfter } from './retry.ts';

/** 10,000 parts of one upload are about 2 MiB: more than this is no answer of ours. */
export const MAX_JSON_BYTES = 16 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
const MAX_QUOTED_CHARACTERS = 200;
const COMMON_ERROR_FIELDS: ReadonlySet<string> = new Set(['error', 'message', 'requestId']);

/** The body as text, cut at a bound. */
export async function readText(response: Response, maxBytes: number): Promise<string> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  let result = '';
  let readBytes = 0;
  while (readBytes < maxBytes) {
    const { done, value } = await reader.read();
    if (done) return result + decoder.decode();
    readBytes += value.byteLength;
    result += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return result;
}

/** JSON text as a value; a page of something else on that port is told as such. */
export function parseJson(body: string, from: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    const message = `${from} answers, but not as an Artifortress server. Check the address.`;
    throw new ArtifortressError({ code: 'invalid_response', message, cause });
  }
}

function jsonOrNull(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

/** What a store that speaks S3 says in its XML: `<Code>` and `<Message>`. */
function storeComplaint(body: string): { code: string; message: string } | null {
  const code = /<Code>([^<]{1,200})<\/Code>/.exec(body)?.[1];
  if (code === undefined) return null;
  return { code, message: /<Message>([^<]{1,1000})<\/Message>/.exec(body)?.[1] ?? code };
}

/** A refusal as an error: the contract's body, an object store's XML, or nothing but the status. */
export async function errorOf(response: Response, doing: string, nowMs: number): Promise<ArtifortressError> {
  const status = response.status;
  const body = await readText(response, MAX_ERROR_BYTES).catch(() => '');
  const common = {
    status,
    requestId: response.headers.get('x-request-id'),
    retryAfterMs: parseRetryAfter(response.headers.get('retry-after'), nowMs),
  };
  const parsed = jsonOrNull(body);
  if (isRecord(parsed) && typeof parsed.error === 'string' && typeof parsed.message === 'string') {
    const requestId = typeof parsed.requestId === 'string' ? parsed.requestId : common.requestId;
    const fields = Object.fromEntries(Object.entries(parsed).filter(([name]) => !COMMON_ERROR_FIELDS.has(name)));
    return new ArtifortressError({ ...common, code: parsed.error, message: parsed.message, requestId, fields });
  }
  const complaint = storeComplaint(body);
  if (complaint !== null) {
    const message = `The object store answered ${status} (${complaint.code}): ${complaint.message}`;
    return new ArtifortressError({ ...common, code: 'store_refused', message, fields: { storeCode: complaint.code } });
  }
  const quoted = body.trim().startsWith('<') ? '' : body.trim().slice(0, MAX_QUOTED_CHARACTERS);
  const message = `The answer to ${doing} was ${status}${quoted === '' ? '' : `: ${quoted}`}.`;
  return new ArtifortressError({ ...common, code: codeOfStatus(status), message });
}
