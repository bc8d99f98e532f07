const MOST_CHARACTERS = 240;
const BEGINNING = 160;
const END = 80;
/** Shorter lists of columns stand as they are. */
const LONG_LIST =
  /\b(select(?: distinct)?|insert into \w+) (?!from\b)(?:\([^()]{40,}\)|(?:(?!\bfrom\b|\bselect\b)[^;]){40,}?(?= from\b))/g;

/** A statement as a table shows it: without long lists of columns, so that its conditions tell it, and without its middle where it is long. */
export function shortStatement(text: string): string {
  const told = text.replace(LONG_LIST, '$1 …');
  return told.length <= MOST_CHARACTERS ? told : `${beginning(told, BEGINNING)} … ${end(told, END)}`;
}

/** Whole words, and no more than so many characters. */
function beginning(text: string, most: number): string {
  return text.slice(0, text.lastIndexOf(' ', most));
}

function end(text: string, most: number): string {
  return text.slice(text.indexOf(' ', text.length - most - 1) + 1);
}
