import { average, averageLookback, averageProblem, averageType } from './average-types.ts';
import { Ema } from './averages.ts';
import { Skip } from './delay.ts';
import type { Memory } from './memory.ts';
import { period } from './parameters.ts';
import type { Filter, IndicatorDefinition, SeriesIndicator } from './types.ts';

const OUTPUTS = ['macd', 'macdsignal', 'macdhist'] as const;
/** Weights of the averages of 26 and 12 days as Appel rounded them: TA-Lib's MACDFIX. */
const FIXED = { slow: 0.075, fast: 0.15 } as const;

/** A fast average less a slow one, and the average of that: Appel's MACD. All three are defined at once. */
class Macd implements SeriesIndicator {
  readonly #fast: Filter;
  readonly #slow: Filter;
  readonly #signal: Filter;
  /** TA-Lib begins the average with the shorter way to its first value later, so that both have it at once. */
  readonly #fastSkip: Skip;
  readonly #slowSkip: Skip;

  constructor(
    memory: Memory,
    parts: { fast: Filter; slow: Filter; signal: Filter; fastLookback: number; slowLookback: number },
  ) {
    this.#fast = parts.fast;
    this.#slow = parts.slow;
    this.#signal = parts.signal;
    const first = Math.max(parts.fastLookback, parts.slowLookback);
    this.#fastSkip = new Skip(memory, first - parts.fastLookback);
    this.#slowSkip = new Skip(memory, first - parts.slowLookback);
  }

  step(value: number, outputs: Float64Array): void {
    const fast = this.#fastSkip.next() ? Number.NaN : this.#fast.next(value);
    const slow = this.#slowSkip.next() ? Number.NaN : this.#slow.next(value);
    const macd = fast - slow;
    const signal = Number.isNaN(macd) ? macd : this.#signal.next(macd);
    outputs[0] = Number.isNaN(signal) ? signal : macd;
    outputs[1] = signal;
    outputs[2] = macd - signal;
  }
}

/** TA-Lib takes the shorter of two exponential averages for the fast one, whichever is named so. */
const exponential = (memory: Memory, fast: number, slow: number, signal: number, weights?: typeof FIXED) => {
  const [short, long] = [Math.min(fast, slow), Math.max(fast, slow)];
  return new Macd(memory, {
    fast: new Ema(memory, short, weights?.fast),
    slow: new Ema(memory, long, weights?.slow),
    signal: new Ema(memory, signal),
    fastLookback: short - 1,
    slowLookback: long - 1,
  });
};

export const MACD: readonly IndicatorDefinition[] = [
  {
    name: 'MACD',
    title: 'Moving average convergence/divergence',
    group: 'momentum',
    parameters: [period(12, 2, 'fastperiod'), period(26, 2, 'slowperiod'), period(9, 1, 'signalperiod')],
    outputs: OUTPUTS,
    lookback: ([fast, slow, signal]) => Math.max(fast!, slow!) - 1 + signal! - 1,
    series: (memory, [fast, slow, signal]) => exponential(memory, fast!, slow!, signal!),
  },
  {
    name: 'MACDFIX',
    title: 'Moving average convergence/divergence of 12 and 26',
    group: 'momentum',
    parameters: [period(9, 1, 'signalperiod')],
    outputs: OUTPUTS,
    lookback: ([signal]) => 25 + signal! - 1,
    series: (memory, [signal]) => exponential(memory, 12, 26, signal!, FIXED),
  },
  {
    name: 'MACDEXT',
    title: 'Moving average convergence/divergence of average types',
    group: 'momentum',
    parameters: [
      period(12, 2, 'fastperiod'),
      averageType('fastmatype'),
      period(26, 2, 'slowperiod'),
      averageType('slowmatype'),
      period(9, 1, 'signalperiod'),
      averageType('signalmatype'),
    ],
    outputs: OUTPUTS,
    lookback: ([fast, fastType, slow, slowType, signal, signalType]) =>
      Math.max(averageLookback(fastType!, fast!), averageLookback(slowType!, slow!)) +
      averageLookback(signalType!, signal!),
    problem: ([, fastType, , slowType, , signalType]) =>
      averageProblem(fastType!) ?? averageProblem(slowType!) ?? averageProblem(signalType!),
    series: (memory, [fast, fastType, slow, slowType, signal, signalType]) => {
      const isSwapped = slow! < fast!;
      const [short, shortType] = isSwapped ? [slow!, slowType!] : [fast!, fastType!];
      const [long, longType] = isSwapped ? [fast!, fastType!] : [slow!, slowType!];
      return new Macd(memory, {
        fast: average(memory, shortType, short),
        slow: average(memory, longType, long),
        signal: average(memory, signalType!, signal!),
        fastLookback: averageLookback(shortType, short),
        slowLookback: averageLookback(longType, long),
      });
    },
  },
];
