import { Candles, SIZES, type SizeName } from './candles.ts';
import { factor } from './parameters.ts';
import type { BarDefinition } from './types.ts';

/**
 * A candle pattern as it is declared: the sizes that it looks at and the candles before the newest, which together give the candles before the
 * first that it can be told of; and what it says of the newest. `penetration`: default of that parameter, where there is one.
 */
export function candlePattern(
  name: string,
  title: string,
  sizes: readonly SizeName[],
  candlesBefore: number,
  tell: (candles: Candles, penetration: number) => number,
  penetration: number | null = null,
): BarDefinition {
  const lookback = Math.max(0, ...sizes.map((size) => SIZES[size].period)) + candlesBefore;
  return {
    name,
    title,
    group: 'pattern',
    inputs: ['open', 'high', 'low', 'close'],
    parameters: penetration === null ? [] : [factor('penetration', penetration, 0, 3e37)],
    outputs: ['integer'],
    lookback: () => lookback,
    bars: (memory, [depth]) => {
      const candles = memory.shared('candles', () => new Candles(memory));
      return {
        step: ({ index }, outputs) => {
          outputs[0] = index < lookback ? Number.NaN : tell(candles, depth ?? 0);
        },
      };
    },
  };
}
