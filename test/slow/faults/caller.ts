interface Frame {
  name: string;
  file: string;
}

/** Of the frames of a stack, `    at name (file:line:column)`. */
const FRAME = /^\s+at (?:(?<name>[\w.]+) \()?(?:file:\/\/)?(?<file>\/[^\s)]*?):\d+:\d+\)?$/;

/** This folder, whose own functions are not who called. */
const HERE = import.meta.dirname;

/**
 * The function of the product that is calling: the outermost of those in the file that the call comes from, so that a statement goes by
 * the name that the rest of the product knows it by.
 */
export function callerOf(): string {
  const frames = (new Error('where').stack ?? '')
    .split('\n')
    .map(parseFrame)
    .filter((frame) => frame !== undefined && !frame.file.startsWith(HERE));
  const file = frames[0]?.file;
  const end = frames.findIndex((frame) => frame?.file !== file);
  const inFile = frames.slice(0, end === -1 ? frames.length : end);
  const named = inFile.findLast((frame) => frame?.name !== '');
  return named?.name ?? file?.split('/').at(-1) ?? 'unknown';
}

/** Undefined for what is no call in a file, and for what waits for it (`at async`). */
function parseFrame(line: string): Frame | undefined {
  const groups = FRAME.exec(line)?.groups;
  if (groups?.file === undefined) return undefined;
  const name = groups.name ?? '';
  return { name: name.split('.').at(-1) ?? '', file: groups.file };
}
