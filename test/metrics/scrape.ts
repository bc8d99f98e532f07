import { expect } from 'vitest';
import type { TestServer } from '../support/test-server.ts';

interface ScrapedSample {
  name: string;
  labels: ReadonlyMap<string, string>;
  value: number;
}

/** What `/metrics` tells at one moment. */
export interface Scrape {
  text: string;
  /** Every name that can be asked for, those of histograms with their endings. */
  names: Set<string>;
  samples: readonly ScrapedSample[];
  /** The sum of the samples of this name that carry these labels. */
  sum(name: string, labels?: Record<string, string>): number;
  /** The values of a label, over the samples of this name. */
  labelValues(name: string, label: string): string[];
}

const SAMPLE = /^([a-z0-9_]+)(?:\{(.*)\})? ([^ ]+)$/;
const LABEL = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g;

export async function scrape(server: Pick<TestServer, 'request' | 'adminToken'>, token?: string): Promise<Scrape> {
  const reply = await server.request('GET', '/metrics', { token: token ?? server.adminToken });
  if (reply.status !== 200) throw new Error(`no metrics: ${reply.status}`);
  return parseScrape(reply.bytes.toString());
}

/** A scrape of a server whose worker has counted the backlog, of which no job is due. */
export async function scrapeWithBacklog(server: Parameters<typeof scrape>[0]): Promise<Scrape> {
  await expect.poll(async () => (await scrape(server)).text, { timeout: 20_000 }).toContain('artifortress_jobs_due 0');
  return await scrape(server);
}

/** Reads the text format. */
export function parseScrape(text: string): Scrape {
  const samples = text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(LABEL)].map(([, key = '', text = '']) => [key, text] as const);
    return [{ name, labels: new Map(pairs), value: Number(value) }];
  });
  const declared = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
    type === 'histogram' || type === 'summary' ? ['_bucket', '_sum', '_count'].map((end) => `${name}${end}`) : [name],
  );
  return {
    text,
    names: new Set(declared),
    samples,
    sum: (name, labels = {}) =>
      samples
        .filter((sample) => sample.name === name)
        .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels.get(key) === value))
        .reduce((total, { value }) => total + value, 0),
    labelValues: (name, label) => [
      ...new Set(samples.filter((sample) => sample.name === name).map(({ labels }) => labels.get(label) ?? '')),
    ],
  };
}
