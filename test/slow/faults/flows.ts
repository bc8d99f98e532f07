import type { LifeOptions } from './life.ts';
import { STEPS, type Step } from './steps.ts';

/** How the artifact of a flow ends: to be read, or never there, or gone again. */
export type Ending = 'committed' | 'aborted' | 'deleted';

interface FlowStep {
  step: Step;
  /** Whether its calls are made to fail here. */
  faulty: boolean;
}

/** One artifact's way through the product. */
export interface Flow {
  life: LifeOptions;
  steps: readonly FlowStep[];
  ending: Ending;
}

const plain = (step: Step): FlowStep => ({ step, faulty: false });
const faulty = (step: Step): FlowStep => ({ step, faulty: true });

/** The least size of a part that is not the last. */
const FULL_PART_BYTES = 5 * 1024 ** 2;
const TWO_PARTS = [FULL_PART_BYTES, 1000];

const oneUploadedPart = [plain(STEPS.create), plain(STEPS.firstUrl), plain(STEPS.firstPart)];

/** Every step of the lifecycle is made to fail in exactly one of these. */
export const FLOWS: readonly Flow[] = [
  {
    life: { checksummed: true },
    steps: [STEPS.create, STEPS.firstUrl, STEPS.firstPart, STEPS.complete, STEPS.commitByChecksum, STEPS.download].map(
      faulty,
    ),
    ending: 'committed',
  },
  {
    life: { sizes: TWO_PARTS },
    steps: [
      ...oneUploadedPart,
      faulty(STEPS.secondUrl),
      plain(STEPS.secondPart),
      plain(STEPS.complete),
      faulty(STEPS.commitByReading),
    ],
    ending: 'committed',
  },
  {
    life: { wrongBytes: true },
    steps: [...oneUploadedPart, plain(STEPS.complete), faulty(STEPS.commitOfOtherBytes)],
    ending: 'aborted',
  },
  { life: {}, steps: [faulty(STEPS.put)], ending: 'committed' },
  { life: { wrongBytes: true }, steps: [faulty(STEPS.putOfOtherBytes)], ending: 'aborted' },
  { life: {}, steps: [plain(STEPS.put), faulty(STEPS.dedupe)], ending: 'committed' },
  {
    life: {},
    steps: [...oneUploadedPart, faulty(STEPS.abort), faulty(STEPS.purge), faulty(STEPS.purgeAgain)],
    ending: 'aborted',
  },
  { life: {}, steps: [...oneUploadedPart, faulty(STEPS.expire)], ending: 'aborted' },
  { life: {}, steps: [plain(STEPS.put), faulty(STEPS.delete), faulty(STEPS.deleteBlob)], ending: 'deleted' },
];
