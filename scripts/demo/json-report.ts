import type { Header } from './exchange.ts';
import type { Masks } from './masks.ts';
import type { Narrator } from './narrator.ts';

/** A body up to this length stands in the report as it was. */
const BODY_CHARACTERS = 16_384;

/** Writes one JSON document at the end: every exchange, command and check, by chapter. */
export function createJsonReport(output: NodeJS.WritableStream, masks: Masks): Narrator {
  const chapters: { title: string; events: unknown[] }[] = [];
  const add = (event: unknown) => void chapters.at(-1)?.events.push(event);
  return {
    async chapter(title) {
      chapters.push({ title, events: [] });
    },
    say: (text) => add({ kind: 'said', text }),
    exchange: (seen, by) =>
      add({
        kind: 'exchange',
        by,
        request: {
          method: seen.method,
          url: masks.apply(seen.url.href),
          headers: headersOf(seen.requestHeaders, masks),
          body: seen.requestBody === undefined ? null : bodyOf(seen.requestBody, masks),
        },
        response: {
          status: seen.status,
          headers: headersOf(seen.responseHeaders, masks),
          body: bodyOf(seen.responseBody, masks),
        },
        durationMs: Math.round(seen.durationMs),
      }),
    command: (run) => add({ kind: 'command', ...run, line: masks.apply(run.line), output: masks.apply(run.output) }),
    check: (check) => add({ kind: 'check', ...check }),
    notShown: (what, why) => add({ kind: 'notShown', what, why }),
    finish({ checks, failed, notShown, failure, seconds }) {
      const summary = {
        checks,
        failed: failed.length,
        notShown,
        failure: failure ?? null,
        seconds: Number(seconds.toFixed(1)),
      };
      output.write(`${JSON.stringify({ summary, failed, chapters }, null, 2)}\n`);
    },
  };
}

function headersOf(headers: readonly Header[], masks: Masks): Record<string, string> {
  return Object.fromEntries(headers.map(([name, value]) => [name, masks.apply(value)]));
}

function bodyOf(body: Buffer, masks: Masks): { bytes: number; text: string | null } {
  const text = body.toString('utf8');
  const isText = body.length <= BODY_CHARACTERS && Buffer.from(text, 'utf8').equals(body);
  return { bytes: body.length, text: isText ? masks.apply(text) : null };
}
