import { ERROR_REGISTRY } from '../../../src/kernel/errors.ts';
import type { createAnswerChecker, Operation } from './document.ts';
import type { FuzzAnswer } from './send.ts';

const STATUS_OF = new Map<string, number>(Object.entries(ERROR_REGISTRY).map(([code, { status }]) => [code, status]));
/** What a message must not tell: where it was thrown, by what, with which statement. */
const INTERNALS =
  /\.ts:\d|node_modules|FST_|ECONN|\bat \w+ \(|insert into|select .* from|syntax error|violates|pg_|\/tmp\//i;
const LONGEST_ERROR_CHARACTERS = 4_000;

/** What is wrong with an answer by the contract and by the document; undefined: nothing. */
export function flawOf(
  operation: Operation,
  { status, headers, text }: FuzzAnswer,
  check: ReturnType<typeof createAnswerChecker>,
): string | undefined {
  const { responses } = operation;
  if (headers['x-request-id'] === undefined) return 'no X-Request-Id';
  if (headers['x-content-type-options'] !== 'nosniff') return 'no security headers';
  if (status >= 500) return `a ${status}`;
  if (responses[String(status)] === undefined && !(status >= 400 && '4XX' in responses))
    return `an undocumented ${status}`;
  if (status >= 400) return flawOfError(status, headers, text);
  const isJson = headers['content-type']?.startsWith('application/json') === true;
  return isJson && text !== '' ? check(operation, status, JSON.parse(text)) : undefined;
}

function flawOfError(status: number, headers: FuzzAnswer['headers'], text: string): string | undefined {
  if (headers['content-type'] !== 'application/json; charset=utf-8') return 'an error that is no JSON';
  if (text.length > LONGEST_ERROR_CHARACTERS) return 'an error without end';
  const { error, message, requestId } = JSON.parse(text);
  if (STATUS_OF.get(error) !== status) return `the code ${error} with the status ${status}`;
  if (typeof message !== 'string' || !/[.!?]$/.test(message)) return 'a message that is no sentence';
  if (INTERNALS.test(message)) return `internals: ${message}`;
  if (requestId !== headers['x-request-id']) return 'two request ids';
  if (status === 401 && headers['www-authenticate'] !== 'Bearer') return 'a 401 without WWW-Authenticate';
  if (status === 405 && headers.allow === undefined) return 'a 405 without Allow';
  if (status === 429 && headers['retry-after'] === undefined) return 'a 429 without Retry-After';
  return undefined;
}
