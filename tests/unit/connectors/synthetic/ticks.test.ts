import { describe, expect, it } from 'vitest';
import { type SyntheticOptions, syntheticTicks, type Tick } from '#connectors/synthetic/ticks.ts';

const INSTRUMENTS = Array.from({ length: 20 }, (_, index) => `SYN${index + 1}`);
const START = Date.parse('2026-01-05T14:30:00Z') * 1000;
const options = (over: Partial<SyntheticOptions> = {}): SyntheticOptions => ({
  instruments: INSTRUMENTS,
  seed: 1,
  startMicros: START,
  ticksPerSecond: 1000,
  ...over,
});
function take(count: number, over: Partial<SyntheticOptions> = {}): Tick[] {
  const stream = syntheticTicks(options(over));
  return Array.from({ length: count }, () => stream.next().value);
}
const seconds = (ticks: readonly Tick[]) => (ticks.at(-1)!.eventTime - START) / 1e6;
/** Ticks in each of the seconds covered whole. */
function countsBySecond(ticks: readonly Tick[]): number[] {
  const counts = new Array<number>(Math.floor(seconds(ticks))).fill(0);
  for (const { eventTime } of ticks) {
    const second = Math.floor((eventTime - START) / 1e6);
    if (second < counts.length) counts[second]!++;
  }
  return counts;
}
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const variance = (values: readonly number[]) => {
  const average = mean(values);
  return mean(values.map((value) => (value - average) ** 2));
};
const ticks = take(200_000);

describe('syntheticTicks', () => {
  it('gives the same ticks for the same options, others for another seed', () => {
    expect(take(1000)).toEqual(ticks.slice(0, 1000));
    expect(take(1000, { seed: 2 })).not.toEqual(ticks.slice(0, 1000));
  });

  it('gives quotes that do not cross, trades at bid or ask, whole cents and positive sizes', () => {
    const isWrong = ({ price, bid, ask, size, bidSize, askSize }: Tick) =>
      !(bid > 0 && bid < ask && (price === bid || price === ask)) ||
      Math.round(price * 100) / 100 !== price ||
      !(size >= 1 && Number.isInteger(size) && bidSize >= 100 && askSize >= 100);
    expect(ticks.filter(isWrong)).toEqual([]);
  });

  it('never goes back in time and keeps the rate on average', () => {
    expect(ticks.every((tick, index) => index === 0 || ticks[index - 1]!.eventTime <= tick.eventTime)).toBe(true);
    expect(ticks[0]!.eventTime).toBeGreaterThanOrEqual(START);
    const rate = ticks.length / seconds(ticks);
    expect(rate).toBeGreaterThan(850);
    expect(rate).toBeLessThan(1150);
  });

  it('comes in bursts, and evenly without them', () => {
    const even = take(100_000, { burst: { factor: 1, meanCalmSeconds: 1, meanBurstSeconds: 1 } });
    const dispersion = (all: readonly Tick[]) => variance(countsBySecond(all)) / mean(countsBySecond(all));
    // A Poisson process has 1.
    expect(dispersion(even)).toBeGreaterThan(0.5);
    expect(dispersion(even)).toBeLessThan(2);
    expect(dispersion(ticks)).toBeGreaterThan(50);
  });

  it('widens the spread in bursts', () => {
    const counts = countsBySecond(ticks);
    const busy = mean(counts) * 2;
    const spreads = (isBusy: boolean) =>
      ticks
        .filter(({ eventTime }) => counts[Math.floor((eventTime - START) / 1e6)]! > busy === isBusy)
        .map(({ bid, ask }) => (ask - bid) / bid);
    expect(mean(spreads(true))).toBeGreaterThan(mean(spreads(false)));
  });

  it('trades the first instruments most', () => {
    const count = (instrument: string) => ticks.filter((tick) => tick.instrument === instrument).length;
    expect(count('SYN1') / count('SYN10')).toBeGreaterThan(8);
    expect(count('SYN20')).toBeGreaterThan(0);
  });

  it('moves prices together, about as much as volatility says', () => {
    // Returns of ten minutes, so that the walk and not the rounding to cents makes them.
    const slow = take(400_000, { instruments: ['SYN1', 'SYN2'], ticksPerSecond: 2 });
    const periods = Math.floor(seconds(slow) / 600);
    const closes = ['SYN1', 'SYN2'].map((instrument) => {
      const last = new Array<number>(periods).fill(Number.NaN);
      for (const tick of slow.filter((one) => one.instrument === instrument)) {
        const period = Math.floor((tick.eventTime - START) / 600e6);
        if (period < periods) last[period] = (tick.bid + tick.ask) / 2;
      }
      return last;
    });
    const returns = closes.map((all) => all.slice(1).map((close, index) => Math.log(close / all[index]!)));
    const [one, two] = returns as [number[], number[]];
    const yearly = Math.sqrt(variance(one) * ((252 * 6.5 * 3600) / 600));
    expect(yearly).toBeGreaterThan(0.15);
    expect(yearly).toBeLessThan(0.6);
    const correlation = mean(one.map((value, index) => value * two[index]!)) / Math.sqrt(variance(one) * variance(two));
    expect(correlation).toBeGreaterThan(0.05);
    expect(correlation).toBeLessThan(0.8);
  });

  it('refuses options that make no stream', () => {
    const first = (over: Partial<SyntheticOptions>) => () => syntheticTicks(options(over)).next();
    expect(first({ ticksPerSecond: 0 })).toThrow(RangeError);
    expect(first({ instruments: [] })).toThrow(RangeError);
    expect(first({ burst: { factor: 0.5, meanCalmSeconds: 1, meanBurstSeconds: 1 } })).toThrow(RangeError);
  });
});
