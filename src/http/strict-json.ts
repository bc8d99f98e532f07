import { AppError } from '../kernel/errors.ts';

/** Deeper than anything that a route takes. */
const MAXIMUM_DEPTH = 32;

/**
 * Refuses JSON that two readers could read in two ways (RFC 8259 §4: what a second member of one name means is for each of them to
 * choose), and JSON that is nested without end. The text is known to be well-formed.
 * @throws AppError `bad_request`.
 */
export function refuseAmbiguousJson(text: string): void {
  /** Of each object that is open, the names so far; null for an array. */
  const open: (Set<string> | null)[] = [];
  let namesNext = false;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charAt(at)) {
      case '{':
      case '[':
        open.push(text[at] === '{' ? new Set() : null);
        namesNext = text[at] === '{';
        if (open.length > MAXIMUM_DEPTH) {
          throw new AppError('bad_request', `The body is nested more than ${MAXIMUM_DEPTH} deep.`);
        }
        break;
      case '}':
      case ']':
        open.pop();
        namesNext = false;
        break;
      case ',':
        namesNext = open.at(-1) !== null;
        break;
      case '"': {
        const end = endOfString(text, at);
        if (namesNext) addName(open.at(-1), text.slice(at, end + 1));
        namesNext = false;
        at = end;
        break;
      }
      default:
    }
  }
}

function addName(names: Set<string> | null | undefined, literal: string): void {
  const name = String(JSON.parse(literal));
  if (names?.has(name) === true) {
    throw new AppError('bad_request', `The body names ${JSON.stringify(name.slice(0, 100))} twice in one object.`);
  }
  names?.add(name);
}

/** Where the string that begins at `start` ends. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}
