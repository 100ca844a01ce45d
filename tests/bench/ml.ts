import { TidemarkError } from '#streams/kit/errors.ts';
import { bookBench } from './ml/book.ts';
import { indicatorsBenchmark } from './ml/indicators.ts';
import { monteCarloBenchmark } from './ml/monte-carlo.ts';
import { scoringBenchmark } from './ml/scoring.ts';
import type { BenchOptions } from './options.ts';

const PARTS: Readonly<Record<string, (pairs: number, log: (text: string) => void) => Promise<unknown>>> = {
  indicators: indicatorsBenchmark,
  book: (pairs) => bookBench({ pairs }),
  scoring: scoringBenchmark,
  'monte-carlo': monteCarloBenchmark,
};

/** What looks ahead and what it rests on, part by part; `--only` the one whose name begins so. */
export async function mlBenchmark({ pairs, only, log }: BenchOptions): Promise<unknown> {
  const parts = Object.entries(PARTS).filter(([name]) => only === null || name.startsWith(only));
  if (parts.length === 0)
    throw new TidemarkError(
      'PARAMETER_INVALID',
      `No part begins with "${only}": there are ${Object.keys(PARTS).join(', ')}`,
    );
  const results: unknown[] = [];
  for (const [, run] of parts) results.push(await run(pairs, log));
  return { benchmark: 'ml', results };
}
