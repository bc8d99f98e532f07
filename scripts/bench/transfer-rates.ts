import {
  CLIENT,
  CLIENT_DIGEST_KNOWN,
  CLIENT_ONE_PART,
  PUSH_AIM,
  RAW_FETCH,
  RAW_ONE_FETCH,
} from './big-uploads-on-s3.ts';
import type { MeasureGroup } from './measures.ts';
import type { WorkloadResult } from './rounds.ts';
import { MIB_BYTES } from './units.ts';

const PAIRS = [
  { of: CLIENT, over: RAW_FETCH, aim: { least: PUSH_AIM } },
  { of: CLIENT_DIGEST_KNOWN, over: RAW_FETCH, aim: null },
  { of: CLIENT_ONE_PART, over: RAW_ONE_FETCH, aim: null },
];

/** The phase in which the bytes of the big uploads move, by itself: without hashing before it and the proof after it. */
export function transferRates({ workload, rows }: WorkloadResult, lengthBytes: number): MeasureGroup[] {
  if (workload.name !== 'big-up') return [];
  const ratesOf = (label: string): (number | null)[] =>
    (rows.find((row) => row.label === label)?.rounds ?? []).map((figures) => {
      const transfer = figures?.steps.find(({ step }) => step === 'transfer');
      return transfer === undefined ? null : (lengthBytes / MIB_BYTES / transfer.p50Ms) * 1000;
    });
  const rates = [...new Set(PAIRS.flatMap(({ of, over }) => [of, over]))].map((label) => ({
    name: label,
    unit: 'MiB/s' as const,
    values: ratesOf(label).filter((rate) => rate !== null),
    aim: null,
  }));
  const ratios = PAIRS.map(({ of, over, aim }) => {
    const divisors = ratesOf(over);
    const values = ratesOf(of).flatMap((rate, round) => {
      const divisor = divisors[round] ?? null;
      return rate === null || divisor === null ? [] : [rate / divisor];
    });
    return { name: `${of} over ${over}`, unit: '×' as const, values, aim };
  });
  return [
    { title: 'big-up: the transfer alone, from the first URL to the last ETag', measures: [...rates, ...ratios] },
  ];
}
