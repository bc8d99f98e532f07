import { readFileSync } from 'node:fs';
import { z } from 'zod';

// node scripts/sum-results.ts <number of failed steps> <results.json>...
// Adds up what the runners wrote down and prints the one line that says how it went. A runner that wrote nothing has failed.

const resultsSchema = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  success: z.boolean(),
});

const [failedSteps = '0', ...files] = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };

for (const file of files) {
  try {
    const results = resultsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    total.passed += results.numPassedTests;
    total.failed += results.numFailedTests;
    total.skipped += results.numPendingTests + results.numTodoTests;
  } catch (error) {
    console.error(`${file}: no results (${error instanceof Error ? error.message : String(error)})`);
    total.failed += 1;
  }
}

// A step that is no test runner (style, types), or a runner that broke outside of any test, counts as one failure.
total.failed = Math.max(total.failed, Number(failedSteps));

console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
