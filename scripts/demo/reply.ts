import type { Exchange } from './exchange.ts';
import { DemoFailure } from './failure.ts';

/** An answer, as the story reads it. */
export interface Reply {
  status: number;
  bytes: Buffer;
  /** The parsed body; undefined where it is no JSON. */
  json: unknown;
  header(name: string): string | undefined;
  /** A value within the body, by its path. */
  at(...path: readonly (string | number)[]): unknown;
  /** A text that the story can't go on without. @throws DemoFailure */
  text(...path: readonly (string | number)[]): string;
}

export function replyOf(seen: Exchange): Reply {
  const json = parse(seen.responseBody);
  const at = (...path: readonly (string | number)[]) => path.reduce(step, json);
  return {
    status: seen.status,
    bytes: seen.responseBody,
    json,
    header: (name) => seen.responseHeaders.find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1],
    at,
    text(...path) {
      const value = at(...path);
      if (typeof value === 'string') return value;
      throw new DemoFailure(
        `${seen.method} ${seen.url.pathname} answered ${seen.status} without "${path.join('.')}", which the next steps need.`,
      );
    },
  };
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function step(value: unknown, key: string | number): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return new Map<string, unknown>(Object.entries(value)).get(String(key));
}
