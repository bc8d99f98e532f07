import { stripVTControlCharacters, styleText } from 'node:util';
import type { Exchange, Header } from './exchange.ts';
import { fold, wrap } from './fold.ts';
import type { Masks } from './masks.ts';
import type { Narrator } from './narrator.ts';
import { showBody } from './show-body.ts';
import { waitForKey } from './wait-for-key.ts';

/** What the reader of an answer wants to see; of the others some are the same in every answer. */
const HEADERS_OF_INTEREST =
  /^(allow|accept-ranges|cache-control|content-range|etag|location|repr-digest|retry-after|www-authenticate)$/i;
/** Those that only say of JSON that it is JSON, and how long. */
const HEADERS_OF_OTHER_BODIES = /^(content-length|content-type)$/i;
/** What to quote where something went wrong. */
const HEADERS_OF_FAILURES = /^x-request-id$/i;

const WIDEST_COLUMNS = 110;
const NARROWEST_COLUMNS = 50;
const PLAIN_COLUMNS = 100;
const INDENT = '    ';

type Style = Parameters<typeof styleText>[0];

interface TerminalOptions {
  pause: boolean;
  /** Ends a pause; Ctrl-C within one aborts it. */
  interruption: AbortController;
}

/** Prints the demo for a person. Colours only on a terminal that shows them, and not with NO_COLOR. */
export function createTerminal(output: NodeJS.WriteStream, masks: Masks, options: TerminalOptions): Narrator {
  const columns = output.isTTY ? Math.max(NARROWEST_COLUMNS, Math.min(WIDEST_COLUMNS, output.columns)) : PLAIN_COLUMNS;
  /** In a file nothing literal is broken, so that it can be searched and copied. */
  const literalColumns = output.isTTY ? columns - INDENT.length : Number.POSITIVE_INFINITY;
  const paint = (style: Style, text: string) => styleText(style, text, { stream: output });
  const print = (line = '') => void output.write(`${line.trimEnd()}\n`);
  /** Literal text, broken where the terminal ends, so that the indentation stays. */
  const literal = (text: string, style?: Style) => {
    for (const line of masks.apply(text).split('\n')) {
      for (const piece of fold(line, literalColumns)) {
        print(INDENT + (style === undefined ? piece : paint(style, piece)));
      }
    }
  };
  const header = ([name, value]: Header, remark = '') => {
    const [first = '', ...more] = fold(masks.apply(`${name}: ${value}`), literalColumns);
    print(`${INDENT}${paint('cyan', `${name}:`)}${first.slice(name.length + 1)}  ${paint('dim', remark)}`);
    for (const piece of more) print(`${INDENT}${piece}`);
  };
  let chapters = 0;
  let afterCheck = false;
  /** An empty line between different things; checks stand together. */
  const gap = (isCheck = false) => {
    if (!(isCheck && afterCheck)) print();
    afterCheck = isCheck;
  };

  return {
    async chapter(title) {
      const prompt = paint('dim', '  ⏎  a key goes on, Ctrl-C ends ');
      if (options.pause && chapters > 0) await waitForKey(output, prompt, options.interruption);
      if (options.interruption.signal.aborted) return;
      chapters += 1;
      gap();
      const text = ` ${chapters} · ${title} `;
      print(paint(['bold', 'magenta'], `━━${text}${'━'.repeat(Math.max(2, columns - text.length - 2))}`));
    },
    say(text) {
      gap();
      for (const line of wrap(text, columns - 2)) print(`  ${line}`);
    },
    exchange(seen, by) {
      gap();
      const target = masks.apply(`${seen.url.pathname}${seen.url.search}`);
      const [first = '', ...more] = fold(`${seen.method} ${target}`, literalColumns);
      print(`  ${paint(['bold', 'blue'], '→')} ${paint('bold', first)}`);
      for (const piece of more) print(INDENT + paint('bold', piece));
      for (const each of seen.requestHeaders) header(each, each[0] === 'Authorization' ? by : '');
      if (seen.requestBody !== undefined)
        literal(showBody(seen.requestBody, typeOf(seen.requestHeaders), columns - INDENT.length));
      print();
      const status = `${seen.status} ${seen.statusText}`;
      const line = paint(['bold', seen.status < 400 ? 'green' : 'yellow'], `← ${status}`);
      print(`  ${line}  ${paint('dim', `${seen.durationMs.toFixed(seen.durationMs < 10 ? 1 : 0)} ms`)}`);
      for (const each of headersOfInterest(seen)) header(each);
      if (seen.responseBody.length > 0)
        literal(showBody(seen.responseBody, typeOf(seen.responseHeaders), columns - INDENT.length));
    },
    command({ line, output: printed, exitCode }) {
      gap();
      print(`  ${paint(['bold', 'blue'], '$')} ${paint('bold', masks.apply(line))}`);
      literal(stripVTControlCharacters(printed.trimEnd()));
      print(`  ${paint(exitCode === 0 ? 'green' : 'yellow', `← exit code ${exitCode}`)}`);
    },
    check({ claim, holds, expected, observed }) {
      gap(true);
      const mark = holds ? paint(['bold', 'green'], '✓') : paint(['bold', 'red'], '✗');
      const [first = '', ...more] = wrap(claim, columns - INDENT.length);
      print(`  ${mark} ${first}`);
      for (const line of more) print(INDENT + line);
      if (holds) return;
      literal(`expected ${JSON.stringify(expected)}\nobserved ${JSON.stringify(observed)}`, 'red');
    },
    notShown(what, why) {
      gap();
      for (const line of wrap(`Not shown here: ${what}. ${why}`, columns - 2)) print(`  ${paint('yellow', line)}`);
    },
    finish({ checks, failed, notShown, failure, seconds }) {
      gap();
      print(paint('dim', '━'.repeat(columns)));
      if (failure !== undefined)
        for (const line of wrap(`The demo could not go on: ${failure}`, columns)) print(paint('red', line));
      for (const { claim } of failed) print(paint('red', `✗ ${claim}`));
      for (const what of notShown) print(paint('yellow', `not shown: ${what}`));
      const verdict =
        failed.length === 0 && failure === undefined
          ? paint(['bold', 'green'], `${checks} observations, every one as expected`)
          : paint(['bold', 'red'], `${checks} observations, ${failed.length} not as expected`);
      print(`${verdict}${paint('dim', `, in ${seconds.toFixed(1)} s`)}`);
    },
  };
}

function headersOfInterest({ status, responseHeaders }: Exchange): Header[] {
  const isJson = typeOf(responseHeaders).startsWith('application/json');
  return responseHeaders.filter(
    ([name]) =>
      HEADERS_OF_INTEREST.test(name) ||
      (!isJson && HEADERS_OF_OTHER_BODIES.test(name)) ||
      (status >= 400 && HEADERS_OF_FAILURES.test(name)),
  );
}

function typeOf(headers: readonly Header[]): string {
  return headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? '';
}
