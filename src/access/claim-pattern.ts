/** A longer claim fits nothing: what is matched against each other is bounded, however often a pattern has a star. */
const MAXIMUM_CLAIM_CHARACTERS = 1024;

const CONTROL = /\p{Cc}/u;

type Piece = { kind: 'character'; character: string } | { kind: 'any' } | { kind: 'any but slash' };

/**
 * Whether all of `text` fits: `*` stands for any characters but "/", `**` for any, neither for control characters. Each character of the text is
 * compared once with each of the pattern, so that no claim that somebody chose makes it slow, as it could a regular expression.
 */
export function fitsPattern(pattern: string, text: string): boolean {
  const characters = Array.from(text);
  if (characters.length > MAXIMUM_CLAIM_CHARACTERS) return false;
  const pieces = piecesOf(pattern);
  let reached = closure(pieces, new Set([0]));
  for (const character of characters) {
    const next = new Set<number>();
    for (const at of reached) {
      const piece = pieces[at];
      if (piece === undefined) continue;
      if (piece.kind === 'character') {
        if (piece.character === character) next.add(at + 1);
      } else if (!CONTROL.test(character) && (piece.kind === 'any' || character !== '/')) next.add(at);
    }
    if (next.size === 0) return false;
    reached = closure(pieces, next);
  }
  return reached.has(pieces.length);
}

function piecesOf(pattern: string): Piece[] {
  return pattern.split(/(\*\*?)/).flatMap((text): Piece[] => {
    if (text === '**') return [{ kind: 'any' }];
    if (text === '*') return [{ kind: 'any but slash' }];
    return Array.from(text).map((character) => ({ kind: 'character', character }));
  });
}

/** With what comes behind stars that stand for nothing. */
function closure(pieces: readonly Piece[], positions: Set<number>): Set<number> {
  for (const at of positions) {
    const piece = pieces[at];
    if (piece !== undefined && piece.kind !== 'character') positions.add(at + 1);
  }
  return positions;
}
