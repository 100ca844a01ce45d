import { average } from './average-types.ts';
import { Sma } from './averages.ts';
import type { Bars } from './bars.ts';
import { deviationOf, Variance } from './deviation.ts';
import type { Memory } from './memory.ts';
import type { Indicator, SeriesIndicator } from './types.ts';

/** Bollinger's bands (2001): a moving average, and population deviations of the prices above and below it. TA-Lib's BBANDS. */
export function bollinger(memory: Memory, [length, up, down, type]: readonly number[]): SeriesIndicator {
  const middle = average(memory, type!, length!);
  const variance = new Variance(memory, length!);
  return {
    step: (value, outputs) => {
      const centre = middle.next(value);
      const deviation = deviationOf(variance.next(value));
      outputs[0] = centre + up! * deviation;
      outputs[1] = centre;
      outputs[2] = centre - down! * deviation;
    },
  };
}

/** Headley's acceleration bands: averages of prices that are moved apart by the bar's range. TA-Lib's ACCBANDS. */
export class AccelerationBands implements Indicator {
  readonly #upper: Sma;
  readonly #middle: Sma;
  readonly #lower: Sma;

  constructor(memory: Memory, length: number) {
    this.#upper = new Sma(memory, length);
    this.#middle = new Sma(memory, length);
    this.#lower = new Sma(memory, length);
  }

  step({ high, low, close, index, mask }: Bars, outputs: Float64Array): void {
    const at = index & mask;
    const [top, bottom] = [high[at]!, low[at]!];
    const sum = top + bottom;
    const width = Math.abs(sum) < 1e-14 ? 0 : (4 * (top - bottom)) / sum;
    outputs[0] = this.#upper.next(width === 0 ? top : top * (1 + width));
    outputs[1] = this.#middle.next(close[at]!);
    outputs[2] = this.#lower.next(width === 0 ? bottom : bottom * (1 - width));
  }
}
