import { runLoad } from '../../src/cli/bench/run-load.ts';
import { freshObjects, storeObjects } from '../../src/cli/bench/stored-objects.ts';
import { seededTasks } from '../../src/cli/bench/tasks.ts';
import { Participants } from '../bench/report.ts';
import type { Workplace } from '../bench/temporary-folder.ts';
import { headOf } from './head.ts';
import { openConcurrency } from './open-concurrency.ts';
import type { Options } from './options.ts';
import { openOurs } from './place.ts';
import type { Sample, SoakResult } from './results.ts';
import { artifortressTarget } from './targets.ts';
import { bytesOf } from './throughput.ts';
import { watching } from './watch.ts';

const STORED_OBJECTS = 256;
/** The rate is a share of what a closed loop of this width gives within these seconds. */
const CALIBRATION_CONCURRENCY = 8;
const CALIBRATION_SECONDS = 10;
const RATE_SHARE = 0.5;
/** Enough for a plot and a regression, and no more than a committed file should hold. */
const KEPT_SAMPLES = 400;

/** Loads our server with a mix at a steady rate for a long time, and watches what it takes. */
export async function soak(options: Options, workplace: Workplace): Promise<SoakResult> {
  const { minutes, mix, mixText, sizes, sizesText, seed, quick } = options;
  const ours = await openOurs(workplace, options);
  const participants = new Participants(workplace.progress);
  participants.present(ours);
  const target = artifortressTarget(ours);
  const fresh = freshObjects();
  const storage = { operation: 'put', sizes, objects: STORED_OBJECTS, concurrency: 4 } as const;
  const stored = await storeObjects(target, fresh, storage);
  const tasks = seededTasks({ seed, mix, sizes }, fresh, (random) => random.pick(stored));
  const clock = { nowMs: () => performance.now() };

  const calibration = {
    concurrency: CALIBRATION_CONCURRENCY,
    seconds: quick ? 1 : CALIBRATION_SECONDS,
    warmUpSeconds: quick ? 0.5 : CALIBRATION_SECONDS,
    ratePerSecond: null,
  };
  const { operations } = await runLoad(target, tasks, calibration, clock);
  const possible = operations.reduce((sum, { perSecond }) => sum + perSecond, 0);
  const ratePerSecond = options.ratePerSecond ?? Math.max(1, Math.round(possible * RATE_SHARE));
  workplace.progress(`soaking for ${minutes} min at ${ratePerSecond} operations a second`);

  const concurrency = openConcurrency(ratePerSecond);
  const plan = { concurrency, seconds: minutes * 60, warmUpSeconds: 0, ratePerSecond };
  const watched = { port: ours.port, usage: ours.usage, dataFolder: workplace.root, hasMetrics: true };
  const { result, envelope, samples } = await watching(watched, () => runLoad(target, tasks, plan, clock), bytesOf);
  return {
    kind: 'soak',
    ...headOf(options, workplace.root, participants),
    minutes,
    mix: mixText,
    sizes: sizesText,
    ratePerSecond,
    concurrency,
    figures: result,
    envelope,
    samples: thinned(samples),
  };
}

/** Every n-th sample, so that few enough are left. */
function thinned(samples: readonly Sample[]): Sample[] {
  const step = Math.max(1, Math.ceil(samples.length / KEPT_SAMPLES));
  return samples.filter((_, index) => index % step === 0);
}
