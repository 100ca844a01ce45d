import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/** What one run of vitest came to. */
export interface Tally {
  passed: number;
  failed: number;
  /** Full names, with the reason where one was given. */
  readonly skipped: string[];
}

/** Writes the tally of a run to the file named by TALLY_FILE. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    // An error outside any test may have spoiled one that passed.
    const tally: Tally = { passed: 0, failed: unhandled.length, skipped: [] };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') tally.passed++;
        else if (result.state === 'skipped')
          tally.skipped.push(result.note ? `${test.fullName}: ${result.note}` : test.fullName);
        // A test that never came to its end has not passed either.
        else tally.failed++;
      }
      // A file that cannot be loaded, or a set-up that fails, leaves no failed test behind.
      tally.failed += [module, ...module.children.allSuites()].filter((suite) => suite.errors().length > 0).length;
    }
    writeFileSync(process.env.TALLY_FILE!, JSON.stringify(tally));
  }
}
