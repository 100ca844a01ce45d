import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { regimeRow } from '#ml/features/regime.ts';
import { DatedModels } from '#ml/model/dated.ts';
import { loadCloses } from '#ml/train/breach/history.ts';
import { RegimeEnsemble } from '#quant/regimes/ensemble.ts';
import { REGIME_NAMES } from '#quant/regimes/regimes.ts';
import { ReturnWindow } from '#quant/regimes/return-window.ts';
import type { DailyReturn, MarketRegime } from '#schemas/generated/types.ts';
import { TopologyTestDriver } from '#streams/testing/driver.ts';
import { describeTopology } from '#streams/topology/describe.ts';
import { dateOf, dayOfDate } from '#topologies/kit/days.ts';
import { regimes } from '#topologies/regimes/graph.ts';
import { NOW_MS } from './desk.ts';

const DAY_MICROS = 86_400_000_000;
const FOLDER = join(import.meta.dirname, '../../ml/models/regimes');
const models = new DatedModels(FOLDER, { providers: ['cpu'], threads: 1 });

/** Known at the end of its day. */
const dayReturn = (day: number, simpleReturn: number, rest: Partial<DailyReturn> = {}): DailyReturn => ({
  eventTime: (day + 1) * DAY_MICROS,
  instrument: 'SP500',
  date: dateOf(day),
  close: 100,
  previousClose: 100 / (1 + simpleReturn),
  previousDate: dateOf(day - 1),
  simpleReturn,
  splitFactor: 1,
  dividend: 0,
  turnover: null,
  revision: 0,
  sourceTopic: 'market.trades',
  sourceEventTime: day * DAY_MICROS,
  ...rest,
});

class Market {
  readonly failures: string[] = [];
  readonly driver: TopologyTestDriver;

  constructor(classifiers: DatedModels | null = models) {
    const definition = regimes({ models: classifiers, onFailure: (reason) => this.failures.push(reason) });
    this.driver = new TopologyTestDriver(definition, { partitions: 1, now: () => NOW_MS });
  }
  returns(...days: readonly DailyReturn[]): this {
    for (const value of days)
      this.driver.pipe('market.returns', {
        key: `${value.instrument}/${value.date}`,
        value,
        timestampMs: Math.floor(value.eventTime / 1000),
      });
    return this;
  }
  async commit(): Promise<this> {
    await this.driver.commitPrepared();
    return this;
  }
  read(): MarketRegime[] {
    return this.driver.read<MarketRegime>('market.regimes').map(({ value }) => value);
  }
}

/** The shipped index, as the topology `bars` gives it. */
const closes = loadCloses();
const history = closes.days.flatMap((day, at) => (at === 0 ? [] : [dayReturn(day, closes.returns.get('SP500')![at]!)]));
const dayOf = ({ date }: DailyReturn) => dayOfDate(date);
const byDate = (records: readonly MarketRegime[]) => new Map(records.map((record) => [record.date, record]));

/** What the parts give by themselves, one day after the other. */
async function expected(days: readonly DailyReturn[], classifiers: DatedModels | null = models) {
  const [ensemble, window] = [new RegimeEnsemble(), new ReturnWindow()];
  const found = new Map<string, { regime: string; probabilities: number[]; volatility: number }>();
  for (const { date, simpleReturn, eventTime } of days) {
    window.push(Math.log1p(simpleReturn));
    const row = regimeRow(window);
    const file = classifiers?.fileAt(eventTime);
    const scores = row && file ? (await (await classifiers!.scorer(file)).score(row, 1)).map(Math.fround) : null;
    const made = ensemble.take(Math.log1p(simpleReturn), scores);
    if (made)
      found.set(date, {
        regime: made.regime,
        probabilities: [...made.probabilities],
        volatility: Math.sqrt(252 * made.variance),
      });
  }
  return found;
}
const shape = ({ regime, probabilities, volatility }: MarketRegime) => ({
  regime,
  probabilities: probabilities.map(({ probability }) => probability),
  volatility,
});
const shapes = (records: ReadonlyMap<string, MarketRegime>) =>
  new Map([...records].map(([date, record]) => [date, shape(record)]));

describe('regimes', () => {
  it('is the graph that its golden description shows', async () => {
    await expect(describeTopology(regimes())).toMatchFileSnapshot('../golden/regimes.topology.txt');
  });

  it('names the crises of 2008 and 2020 within ten trading days, with probabilities that sum to one', async () => {
    const market = new Market();
    const records: MarketRegime[] = [];
    for (let at = 0; at < history.length; at += 500) {
      await market.returns(...history.slice(at, at + 500)).commit();
      records.push(...market.read());
    }
    expect(market.failures).toEqual([]);
    expect(records).toHaveLength(history.length - 249);
    expect(shapes(byDate(records))).toEqual(await expected(history));
    for (const { probabilities, voters } of records) {
      expect(probabilities.map(({ regime }) => regime)).toEqual(REGIME_NAMES);
      expect(probabilities.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 9);
      for (const { probability } of voters) expect(probability > 1 / 6.001 && probability <= 1).toBe(true);
      expect(voters.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 9);
    }
    const dates = history.map(({ date }) => date);
    for (const month of ['2008-10', '2020-03']) {
      const first = dates.findIndex((date) => date.startsWith(month));
      const named = records.findIndex(({ date, regime }) => date >= dates[first]! && regime === 'CRISIS');
      expect(dates.indexOf(records[named]!.date) - first, month).toBeLessThan(10);
    }
    expect(byDate(records).get('2008-10-10')).toMatchObject({
      eventTime: (dayOfDate('2008-10-10') + 1) * DAY_MICROS,
      instrument: 'SP500',
      regime: 'CRISIS',
      revision: 0,
      returns: dates.indexOf('2008-10-10') + 1,
      sourceTopic: 'market.returns',
    });
    // The first classifier was trained up to the end of 1994.
    expect(byDate(records).get('1994-12-29')!.classifier).toBeNull();
    expect(byDate(records).get('1995-01-03')!.classifier).toMatch(/^[0-9a-f]{12}$/);
  }, 120_000);

  it('looks at nothing of the future: whatever comes later, what was said stays', async () => {
    const cut = 2200;
    const [as, other] = [new Market(), new Market()];
    await as.returns(...history.slice(0, cut)).commit();
    const future = history.slice(cut, cut + 200).map(({ simpleReturn }) => simpleReturn);
    const shuffled = history
      .slice(cut, cut + 200)
      .map((day, at) => dayReturn(dayOf(day), -3 * future[(at * 37) % future.length]!));
    await other.returns(...history.slice(0, cut), ...shuffled).commit();
    const said = byDate(other.read());
    const records = as.read();
    expect(records).toHaveLength(cut - 249);
    for (const record of records) expect(said.get(record.date)).toEqual(record);
  }, 60_000);

  it('puts a late return in its place, takes a changed one, and tells the days since then again', async () => {
    const days = history.slice(0, 700);
    const market = await new Market(null).returns(...days.filter((_, at) => at !== 650)).commit();
    market.read();
    const eventTime = 3 * DAY_MICROS + days.at(-1)!.eventTime;
    const changed = { ...days[680]!, simpleReturn: -0.2, revision: 1, eventTime: eventTime + 1000 };
    await market.returns({ ...days[650]!, eventTime }, changed).commit();
    const records = market.read();
    const right = await expected(days.with(680, changed), null);
    expect(records.map(({ date }) => date)).toEqual(days.slice(650).map(({ date }) => date));
    for (const record of records) expect(shape(record)).toEqual(right.get(record.date));
    expect(records.map(({ revision }) => revision)).toEqual([0, ...Array(29).fill(1), ...Array(20).fill(2)]);
    expect(records[10]!.eventTime).toBe(eventTime);
    expect(records.at(-1)!.eventTime).toBe(eventTime + 1000);
    // The same once more changes nothing.
    await market.returns(changed).commit();
    expect(market.read()).toEqual([]);
  });

  it('comes to the same whatever comes late, how it is committed, and where a process ends', async () => {
    const days = history.slice(0, 620);
    const right = await expected(days, null);
    const plan = fc.record({
      late: fc.uniqueArray(fc.integer({ min: 500, max: 619 }), { maxLength: 5 }),
      commits: fc.array(fc.integer({ min: 1, max: 620 }), { maxLength: 12 }),
      restarts: fc.array(fc.integer({ min: 1, max: 620 }), { maxLength: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ late, commits, restarts }) => {
        const order = [...days.keys()].filter((at) => !late.includes(at)).concat(late);
        const market = new Market(null);
        const shown = new Map<string, MarketRegime>();
        let uncommitted: DailyReturn[] = [];
        const commit = async () => {
          await market.commit();
          for (const record of market.read()) shown.set(record.date, record);
          uncommitted = [];
        };
        for (const [count, at] of order.entries()) {
          market.returns(days[at]!);
          uncommitted.push(days[at]!);
          if (commits.includes(count)) await commit();
          if (!restarts.includes(count)) continue;
          market.driver.abort();
          market.read();
          market.returns(...uncommitted);
        }
        await commit();
        expect(market.driver.readLate()).toEqual([]);
        expect(shapes(shown)).toEqual(right);
      }),
      { numRuns: 15 },
    );
  }, 120_000);

  it('sets aside what it cannot go by, and goes on', async () => {
    const market = new Market();
    const day = dayOf(history[0]!);
    market.returns(dayReturn(day, -1), dayReturn(day, Number.NaN), dayReturn(day, 0.01, { date: '1990-13-45' }));
    market.driver.pipe('market.returns', { key: 'SP500/1990-01-03', value: null, timestampMs: 1 });
    market.driver.pipe('market.returns', { key: 'AAPL/1990-01-03', value: dayReturn(day, 0.01), timestampMs: 1 });
    expect(market.driver.readRejected().map(({ code }) => code)).toEqual([
      'RETURN_INVALID',
      'RETURN_INVALID',
      'DATE_INVALID',
      'VALUE_MISSING',
      'KEY_MISMATCH',
    ]);
    await market.returns(...history.slice(0, 260)).commit();
    expect(market.read()).toHaveLength(11);
  });

  it('takes no return that comes too late, prices that stand still, nor a crash for the end', async () => {
    const market = new Market(null);
    const still = history.slice(0, 900).map((day) => dayReturn(dayOf(day), 0));
    await market.returns(...still).commit();
    const last = market.read().at(-1)!;
    expect(last.probabilities.every(({ probability }) => Number.isFinite(probability))).toBe(true);
    await market.returns(dayReturn(dayOf(history[900]!), -0.999999)).commit();
    expect(Number.isFinite(market.read().at(-1)!.volatility)).toBe(true);
    await market.returns(dayReturn(dayOf(history[5]!), 0.01)).commit();
    expect(market.driver.readLate().map(({ reason }) => reason)).toEqual([
      `The return of ${history[5]!.date} came too late for the regimes of SP500`,
    ]);
  });

  it('goes on without a classifier that fails, and says so', async () => {
    const broken = new DatedModels(FOLDER, { providers: ['nothing'], threads: 1 });
    const market = new Market(broken);
    await market.returns(...history.slice(0, 1500)).commit();
    expect(shapes(byDate(market.read()))).toEqual(await expected(history.slice(0, 1500), null));
    expect(market.failures.join()).toMatch(/1994-12-30\.onnx.*nothing/);
  });
});
