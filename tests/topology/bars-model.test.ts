import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bar, Trade } from '#schemas/generated/types.ts';
import { TopologyTestDriver } from '#streams/testing/driver.ts';
import { bars } from '#topologies/bars/graph.ts';
import { INTERVALS } from '#topologies/bars/intervals.ts';
import { at, NOW_MS, trade } from './desk.ts';

/** Over midnight, so that every length of bar ends within. */
const START = at('01-03T23:59:00');
/** After everything else, in another instrument: what was open is final then. */
const LATER = trade('LATER', 1, at('01-05T00:00:00'));

interface Step {
  readonly trade: Trade;
  readonly commit: boolean;
}
/**
 * Trades within a minute and a half, in any order: no bar is forgotten meanwhile. Whole sizes and quarter prices add up
 * exactly.
 */
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    commit: fc.boolean(),
    trade: fc
      .record({
        instrument: fc.constantFrom('AAPL', 'MSFT'),
        // Of each second three moments, so that trades meet.
        time: fc.tuple(fc.integer({ min: 0, max: 89 }), fc.constantFrom(0, 1, 999_999)),
        price: fc.integer({ min: 1, max: 400 }),
        size: fc.option(fc.integer({ min: 1, max: 1000 })),
      })
      .map(({ instrument, time: [second, micros], price, size }) => ({
        ...trade(instrument, price / 4, START + second * 1_000_000 + micros),
        size,
      })),
  }),
  { maxLength: 60 },
);

const driverOf = () => new TopologyTestDriver(bars(), { now: () => NOW_MS });
const pipe = (driver: TopologyTestDriver, value: Trade) =>
  driver.pipe('market.trades', { key: value.instrument, value, timestampMs: Math.floor(value.eventTime / 1000) });
const keyOf = ({ instrument, interval, startTime }: Bar) => `${instrument} ${interval} ${startTime}`;

function run(input: readonly Step[], restarts = false): { all: Bar[]; commits: Bar[][] } {
  const driver = driverOf();
  const commits: Bar[][] = [];
  const all: Bar[] = [];
  for (const step of [...input, { trade: LATER, commit: true }]) {
    pipe(driver, step.trade);
    all.push(...driver.read<Bar>('market.bars').map(({ value }) => value));
    if (!step.commit) continue;
    driver.commit();
    // Nothing is open, so all that is lost is what processors held in memory.
    if (restarts) driver.abort();
    const written = driver.read<Bar>('market.bars').map(({ value }) => value);
    commits.push(written);
    all.push(...written);
  }
  return { all: all.filter(({ instrument }) => instrument !== 'LATER'), commits };
}

/** Every bar as its definition says, from a list of trades in offset order. */
function model(trades: readonly Trade[]): Map<string, object> {
  const found = new Map<string, object>();
  for (const { name, lengthMs } of INTERVALS) {
    const groups = Map.groupBy(
      trades,
      ({ instrument, eventTime }) =>
        `${instrument} ${name} ${Math.floor(eventTime / 1000 / lengthMs) * lengthMs * 1000}`,
    );
    for (const [key, group] of groups) {
      const ordered = group.toSorted((a, b) => a.eventTime - b.eventTime);
      const prices = group.map(({ price }) => price);
      const known = group.filter(({ size }) => size !== null);
      const volume = known.reduce((sum, { size }) => sum + size!, 0);
      found.set(key, {
        open: ordered[0]!.price,
        high: Math.max(...prices),
        low: Math.min(...prices),
        close: ordered.at(-1)!.price,
        volume: known.length === 0 ? null : volume,
        trades: group.length,
        vwap: known.length === 0 ? null : known.reduce((sum, { price, size }) => sum + price * size!, 0) / volume,
      });
    }
  }
  return found;
}
/** How often each bar was changed after its end: by every late trade but one that made it. */
function lateChanges(trades: readonly Trade[]): Map<string, number> {
  const found = new Map<string, number>();
  let newest = 0;
  for (const { instrument, eventTime } of trades) {
    newest = Math.max(newest, eventTime);
    for (const { name, lengthMs } of INTERVALS) {
      const start = Math.floor(eventTime / 1000 / lengthMs) * lengthMs * 1000;
      const key = `${instrument} ${name} ${start}`;
      const isLate = start + lengthMs * 1000 <= newest;
      found.set(key, found.has(key) ? found.get(key)! + Number(isLate) : 0);
    }
  }
  return found;
}
const newest = (all: readonly Bar[]) => new Map(all.map((bar) => [keyOf(bar), bar]));
const figures = ({ open, high, low, close, volume, trades, vwap }: Bar) => ({
  open,
  high,
  low,
  close,
  volume,
  trades,
  vwap,
});

describe('bars of trades in any order', () => {
  it('are those of a plain calculation over all of them, final, with a revision for every late change', () => {
    fc.assert(
      fc.property(steps, (input) => {
        const trades = input.map((step) => step.trade);
        const found = newest(run(input).all);
        expect(new Map([...found].map(([key, bar]) => [key, figures(bar)]))).toEqual(model(trades));
        expect(new Map([...found].map(([key, { revision }]) => [key, revision]))).toEqual(lateChanges(trades));
        for (const bar of found.values()) expect(bar.final).toBe(true);
      }),
    );
  });

  it('of one commit do not depend on the order but for ties', () => {
    const withOrder = steps.chain((input) => {
      // One moment of a second each: without ties the order says nothing.
      const distinct = new Map(input.map((step) => [`${step.trade.instrument} ${step.trade.eventTime}`, step]));
      const once = [...distinct.values()].map((step) => ({ ...step, commit: false }));
      return fc.tuple(fc.constant(once), fc.shuffledSubarray(once, { minLength: once.length }));
    });
    fc.assert(
      fc.property(withOrder, ([input, shuffled]) => {
        const [one, other] = [input, shuffled].map((order) => newest(run(order).all));
        const sorted = (map: Map<string, Bar>) =>
          [...map].map(([key, bar]) => [key, figures(bar)] as const).sort(([a], [b]) => (a < b ? -1 : 1));
        expect(sorted(other!)).toEqual(sorted(one!));
      }),
    );
  });

  it('show a provisional bar once a commit, and final ones whatever the commits', () => {
    fc.assert(
      fc.property(steps, (input) => {
        const { all, commits } = run(input);
        for (const written of commits) {
          expect(written.every(({ final }) => !final)).toBe(true);
          const keys = written.map(({ instrument, interval }) => `${instrument} ${interval}`);
          expect(new Set(keys).size).toBe(keys.length);
        }
        const seldom = run(input.map((step) => ({ ...step, commit: false }))).all;
        expect(all.filter(({ final }) => final)).toEqual(seldom.filter(({ final }) => final));
      }),
    );
  });

  it('go on after restarts as if nothing had happened', () => {
    fc.assert(
      fc.property(steps, (input) => {
        expect(run(input, true)).toEqual(run(input));
      }),
    );
  });

  it('add up: a long bar is what the shorter ones in it make', () => {
    fc.assert(
      fc.property(steps, (input) => {
        const found = [...newest(run(input).all).values()];
        for (const [index, { name }] of INTERVALS.entries()) {
          const shorter = INTERVALS[index - 1]?.name;
          if (shorter === undefined) continue;
          for (const bar of found.filter(({ interval }) => interval === name)) {
            const parts = found
              .filter(({ instrument, interval }) => instrument === bar.instrument && interval === shorter)
              .filter(({ startTime, endTime }) => startTime >= bar.startTime && endTime <= bar.endTime)
              .toSorted((a, b) => a.startTime - b.startTime);
            const volumes = parts.flatMap(({ volume }) => (volume === null ? [] : [volume]));
            expect(figures(bar)).toMatchObject({
              open: parts[0]!.open,
              high: Math.max(...parts.map(({ high }) => high)),
              low: Math.min(...parts.map(({ low }) => low)),
              close: parts.at(-1)!.close,
              volume: volumes.length === 0 ? null : volumes.reduce((sum, volume) => sum + volume, 0),
              trades: parts.reduce((sum, { trades }) => sum + trades, 0),
            });
          }
        }
      }),
    );
  });
});
