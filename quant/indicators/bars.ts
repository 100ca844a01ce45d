/** Series of a bar that indicators are calculated of. */
export type Field = 'open' | 'high' | 'low' | 'close' | 'volume';
export const FIELDS: readonly Field[] = ['open', 'high', 'low', 'close', 'volume'];

/** Newest bars that are kept for all indicators of a set: candle patterns look back the furthest. Longer windows have rings of their own. */
const KEPT = 64;

/**
 * The newest 64 bars of an instrument: `bars.close[(bars.index - 2) & bars.mask]` is the close two bars ago. Volume is NaN in a bar without one.
 */
export class Bars implements Readonly<Record<Field, Float64Array>> {
  readonly open = new Float64Array(KEPT);
  readonly high = new Float64Array(KEPT);
  readonly low = new Float64Array(KEPT);
  readonly close = new Float64Array(KEPT);
  readonly volume = new Float64Array(KEPT);
  readonly mask = KEPT - 1;
  /** Number of the newest bar, from 0; -1 before the first. */
  index = -1;

  /** The values of bar `index`. */
  set(open: number, high: number, low: number, close: number, volume: number): void {
    const at = this.index & this.mask;
    this.open[at] = open;
    this.high[at] = high;
    this.low[at] = low;
    this.close[at] = close;
    this.volume[at] = volume;
  }
}
