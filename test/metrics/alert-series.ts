import type { Scrape } from './scrape.ts';

/**
 * The rises that a rule waits for. A quantile is left out, which one observation more or less does not move, and what a rate is divided by.
 */
const RISE = /(\/ sum\(|by \(le\) \()?\b(?:rate|increase)\((\w+)(?:\{([^}]*)\})?\[/g;
const MATCHER = /(\w+)(=~|!~|!=|=)"([^"]*)"/g;

/** What an alert asks for by `rate` or `increase`. */
interface Selector {
  text: string;
  name: string;
  matches: (labels: ReadonlyMap<string, string>) => boolean;
}

/** The series whose first event an alert must not miss: what a rules file takes rates and increases of. */
export function risesIn(rules: string): Selector[] {
  return [...rules.matchAll(RISE)].flatMap(([, leftOut, name = '', labels = '']) => {
    if (leftOut !== undefined) return [];
    const matchers = [...labels.matchAll(MATCHER)].map(([, label = '', operator = '=', value = '']) => {
      const pattern = new RegExp(`^(?:${value})$`);
      const selects = (found: string) => (operator.endsWith('~') ? pattern.test(found) : found === value);
      return (of: ReadonlyMap<string, string>) => selects(of.get(label) ?? '') !== operator.startsWith('!');
    });
    return [{ text: `${name}{${labels}}`, name, matches: (of) => matchers.every((matcher) => matcher(of)) }];
  });
}

/** The values of the series that a selector selects. */
export function valuesOf({ name, matches }: Selector, { samples }: Scrape): number[] {
  return samples.filter((sample) => sample.name === name && matches(sample.labels)).map(({ value }) => value);
}
