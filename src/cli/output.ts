import type { Page, PageOptions } from '../client/types.ts';
import type { CliEnvironment } from './environment.ts';
import { type Column, formatTable } from './format.ts';
import { paint } from './paint.ts';

export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Results go to standard output, for people or as JSON; everything said beside them goes to standard error. */
export interface Output {
  readonly isJson: boolean;
  readonly isQuiet: boolean;
  /** The result: as JSON where that is asked for, else the lines. */
  result(this: void, value: unknown, lines: readonly string[]): void;
  /** Said beside the result; nothing with `--quiet`. */
  note(this: void, line: string): void;
  /** Said even with `--quiet`. */
  warn(this: void, line: string): void;
  raw(this: void, text: string): void;
  /** A heading on standard output. */
  heading(this: void, text: string): string;
}

export function createOutput(environment: CliEnvironment, { json = false, quiet = false }: OutputOptions): Output {
  const { stdout, stderr } = environment;
  return {
    isJson: json,
    isQuiet: quiet,
    result(value, lines) {
      stdout.write(json ? `${JSON.stringify(value)}\n` : lines.map((line) => `${line}\n`).join(''));
    },
    note(line) {
      if (!quiet) stderr.write(`${line}\n`);
    },
    warn(line) {
      stderr.write(`${line}\n`);
    },
    raw(text) {
      stdout.write(text);
    },
    heading: (text) => paint(environment, stdout, 'bold', text),
  };
}

/** Passes on what comes in any order in the order of its index, each as soon as those before it are there. */
export function inOrder<T>(print: (index: number, item: T) => void): (index: number, item: T) => void {
  const waiting = new Map<number, T>();
  let next = 0;
  return (index, item) => {
    waiting.set(index, item);
    for (let ready = waiting.get(next); ready !== undefined; ready = waiting.get(next)) {
      waiting.delete(next);
      print(next, ready);
      next += 1;
    }
  };
}

/** Names and values as two aligned columns. */
export function pairs(entries: readonly (readonly [string, string | null | undefined])[]): string[] {
  return formatTable(
    [
      { title: '', text: ([name]) => name },
      { title: '', text: ([, value]) => value || '-' },
    ],
    entries,
    false,
  );
}

export interface ListRequest<T> {
  readonly readPage: (page: PageOptions) => Promise<Page<T>>;
  readonly columns: readonly Column<T>[];
  /** What to say instead of an empty table. */
  readonly empty: string;
  readonly options: { readonly limit?: number; readonly cursor?: string; readonly all?: boolean };
}

/** Where all is read, pages are asked for as large as the contract allows. */
export const LARGEST_PAGE = 500;

/** Prints a page of a list, or with `--all` every page as it comes. The JSON is one `{items, nextCursor}` either way. */
export async function printList<T>(
  output: Output,
  { readPage, columns, empty, options }: ListRequest<T>,
): Promise<void> {
  const limit = options.limit ?? (options.all === true ? LARGEST_PAGE : undefined);
  let cursor = options.cursor;
  let printed = 0;
  let next: string | null;
  if (output.isJson) output.raw('{"items":[');
  do {
    const page = await readPage({ limit, cursor });
    if (output.isJson) {
      output.raw(page.items.map((item, index) => (printed + index > 0 ? ',\n' : '\n') + JSON.stringify(item)).join(''));
    } else if (page.items.length > 0) {
      const lines = formatTable(columns, page.items, printed === 0);
      output.raw(lines.map((line, index) => `${printed + index === 0 ? output.heading(line) : line}\n`).join(''));
    }
    printed += page.items.length;
    next = page.nextCursor;
    cursor = next ?? undefined;
  } while (options.all === true && next !== null);

  if (output.isJson) output.raw(`\n],"nextCursor":${JSON.stringify(next)}}\n`);
  else if (printed === 0) output.note(empty);
  else if (next !== null) output.note(`There are more: add --all, or --cursor ${next}`);
}
