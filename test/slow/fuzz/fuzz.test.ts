import { readOperations } from '../../http/fuzz/document.ts';
import { describeFuzz } from '../../http/fuzz/run-fuzz.ts';

/** For all operations together; `FUZZ_SECONDS=3600` lets it run for an hour. */
const seconds = Number(process.env.FUZZ_SECONDS ?? 45);

describeFuzz({ runs: 1_000_000, secondsEach: seconds / readOperations().length });
