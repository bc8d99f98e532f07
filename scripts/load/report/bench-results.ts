import { z } from 'zod';
import { type Aim, meets } from '../../bench/measures.ts';
import { median } from '../../bench/statistics.ts';
import type { Verdict } from '../targets-met.ts';

const aimSchema = z.union([z.object({ least: z.number() }), z.object({ most: z.number() })]) satisfies z.ZodType<Aim>;

/** What `npm run bench -- --json` writes, as far as the report needs it. */
const benchSchema = z.object({
  machine: z.object({ startedAtUtc: z.string(), commit: z.string() }),
  options: z.object({ command: z.string(), store: z.string() }),
  ratios: z.array(
    z.object({
      workload: z.string(),
      of: z.string(),
      over: z.string(),
      median: z.number(),
      least: z.number(),
      greatest: z.number(),
      aim: z.number().nullable(),
    }),
  ),
  measures: z.array(
    z.object({
      title: z.string(),
      measures: z.array(
        z.object({ name: z.string(), unit: z.string(), values: z.array(z.number()), aim: aimSchema.nullable() }),
      ),
    }),
  ),
  failures: z.array(z.string()),
});

export type BenchResult = z.infer<typeof benchSchema>;

/** Parses what the benchmark wrote; throws an error that names the field that is wrong. */
export function parseBenchResult(json: unknown): BenchResult {
  return benchSchema.parse(json);
}

/** The ratios and measures that the project has an aim for. Judged as shown: 1.00 isn't less than 1. */
export function benchVerdicts({ options, ratios, measures }: BenchResult): Verdict[] {
  const { store } = options;
  const ofRatios = ratios.flatMap(({ workload, of, over, median: middle, least, greatest, aim }) => {
    if (aim === null) return [];
    const measured = `${middle.toFixed(2)}× (rounds ${least.toFixed(2)}–${greatest.toFixed(2)})`;
    const met = Number(middle.toFixed(2)) >= aim;
    return [{ target: `${store}, ${workload}: ${of} over ${over}`, aim: `≥ ${aim}×`, measured, met }];
  });
  const ofMeasures = measures.flatMap((group) =>
    group.measures.flatMap(({ name, unit, values, aim }) => {
      if (aim === null || values.length === 0) return [];
      const shown = median(values).toFixed(2);
      const bound = 'least' in aim ? `≥ ${aim.least}` : `≤ ${aim.most}`;
      const target = `${store}, ${group.title}: ${name}`;
      return [{ target, aim: `${bound} ${unit}`, measured: `${shown} ${unit}`, met: meets(Number(shown), aim) }];
    }),
  );
  return [...ofRatios, ...ofMeasures];
}
