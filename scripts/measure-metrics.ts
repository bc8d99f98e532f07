import { KNOWN_LABELS } from '../src/metrics/known-labels.ts';
import { createMetrics } from '../src/metrics/metrics.ts';

// node scripts/measure-metrics.ts
// Prints what one observation of each kind costs, and one scrape after them, as the median of several rounds.

const ROUNDS = 9;
const OBSERVATIONS_A_ROUND = 100_000;
const SCRAPES_A_ROUND = 20;

const metrics = createMetrics({ version: '0', known: KNOWN_LABELS });
const ROUTES = ['/v1/repos', '/v1/repos/:repoKey', '/v1/repos/:repoKey/blobs/:digest', '/v1/repos/:repoKey/uploads'];

function median(values: number[]): number {
  return values.sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
}

function nanosecondsOf(observe: (index: number) => void): number {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const startedAt = performance.now();
    for (let index = 0; index < OBSERVATIONS_A_ROUND; index += 1) observe(index);
    return ((performance.now() - startedAt) * 1e6) / OBSERVATIONS_A_ROUND;
  });
  return Math.round(median(rounds));
}

const request = nanosecondsOf((index) =>
  metrics.observeRequest({
    method: 'GET',
    route: ROUTES[index % ROUTES.length] ?? '',
    status: index % 50 === 0 ? 404 : 200,
    durationMs: index % 40,
  }),
);
const statement = nanosecondsOf((index) => metrics.database.statement('ok', index % 10));
const call = nanosecondsOf((index) => metrics.store.call('open', 'ok', index % 10));

const scrapes: number[] = [];
for (let round = 0; round < SCRAPES_A_ROUND; round += 1) {
  const startedAt = performance.now();
  await metrics.registry.metrics();
  scrapes.push(performance.now() - startedAt);
}

process.stdout.write(
  `a request ${request} ns, a statement ${statement} ns, a call to the store ${call} ns, a scrape ${median(scrapes).toFixed(1)} ms\n`,
);
