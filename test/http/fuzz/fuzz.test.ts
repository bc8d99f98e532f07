import { describeFuzz } from './run-fuzz.ts';

// A little of it each time; test/slow/fuzz goes on for longer.
describeFuzz({ runs: Number(process.env.FUZZ_RUNS ?? 12), secondsEach: 10 });
