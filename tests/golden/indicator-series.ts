import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** Bars by column. */
export interface BarColumns {
  readonly open: Float64Array;
  readonly high: Float64Array;
  readonly low: Float64Array;
  readonly close: Float64Array;
  readonly volume: Float64Array;
}

const empty = (count: number): BarColumns => ({
  open: new Float64Array(count),
  high: new Float64Array(count),
  low: new Float64Array(count),
  close: new Float64Array(count),
  volume: new Float64Array(count),
});

/** The NASDAQ Composite, 1999–2018. */
export function nasdaq(): BarColumns {
  const path = new URL('../../connectors/replay/data/nasdaq.csv.gz', import.meta.url);
  const [, ...rows] = gunzipSync(readFileSync(path)).toString().trim().split('\n');
  const columns = empty(rows.length);
  for (const [index, row] of rows.entries()) {
    const [, open, high, low, close, volume] = row.split(',').map(Number);
    columns.open[index] = open!;
    columns.high[index] = high!;
    columns.low[index] = low!;
    columns.close[index] = close!;
    columns.volume[index] = volume!;
  }
  return columns;
}

/** Whole numbers below 2^15 from a linear congruential generator, as in indicators_reference.py. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    // In two parts: the product has more digits than a double.
    const low = (state & 0xffff) * 1_103_515_245;
    const high = (((state >>> 16) * 1_103_515_245) % 32_768) * 65_536;
    state = (high + low + 12_345) % 2_147_483_648;
    return state >> 16;
  };
}

/** The bars that indicators_reference.py generates: a walk on a grid of 1/64, so that every price is exact in a double. */
export function generated(count: number): BarColumns {
  const columns = empty(count);
  let close = 64 * 1000;
  const draw = generator(12_345);
  for (let index = 0; index < count; index++) {
    const draws = [draw(), draw(), draw(), draw(), draw()] as const;
    const opened = close + (draws[0] % 33) - 16;
    close = opened + (draws[1] % 129) - 64 + Math.floor((64 * 1000 - close) / 512);
    columns.open[index] = opened / 64;
    columns.close[index] = close / 64;
    columns.high[index] = (Math.max(opened, close) + (draws[2] % 40)) / 64;
    columns.low[index] = (Math.min(opened, close) - (draws[3] % 40)) / 64;
    columns.volume[index] = 1000 + (draws[4] % 9000);
  }
  return columns;
}

const GAPS = [0, 0, 1, -1, 4, -4, 9, -9] as const;
const BODIES = [0, 1, -1, 3, -3, 12, -12, 20, -20, 25] as const;
const SHADOWS = [0, 0, 0, 1, 6, 14] as const;

/** The candles that indicators_reference.py makes for patterns: of a few shapes at whole prices, so that every pattern occurs. */
export function candles(count = 200_000): BarColumns {
  const columns = empty(count);
  let close = 1000;
  const draw = generator(4711);
  for (let index = 0; index < count; index++) {
    const draws = [draw(), draw(), draw(), draw()] as const;
    const opened = close + GAPS[draws[0] % 8]! + (close < 300 ? 15 : close > 2000 ? -15 : 0);
    close = opened + BODIES[draws[1] % 10]!;
    columns.open[index] = opened;
    columns.close[index] = close;
    columns.high[index] = Math.max(opened, close) + SHADOWS[draws[2] % 6]!;
    columns.low[index] = Math.min(opened, close) - SHADOWS[draws[3] % 6]!;
    columns.volume[index] = 1;
  }
  return columns;
}
