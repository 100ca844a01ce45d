import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimalToNumber, parseDecimal } from '#schemas/decimal.ts';
import type { CorporateAction, DailyReturn } from '#schemas/generated/types.ts';
import { type DriverOutput, TopologyTestDriver } from '#streams/testing/driver.ts';
import { bars } from '#topologies/bars/graph.ts';
import { KEPT_DAYS } from '#topologies/bars/intervals.ts';
import { at, NOW_MS, trade } from './desk.ts';

const DAY = 86_400e6;
const FIRST = at('03-01T00:00:00');
const dateOf = (day: number) => new Date((FIRST + day * DAY) / 1000).toISOString().slice(0, 10);
/** In the afternoon of a day. */
const closeTime = (day: number) => FIRST + day * DAY + 21 * 3_600e6;

type Terms = { readonly split: readonly [string, string] } | { readonly dividend: string };
const action = (actionId: string, exDay: number, terms: Terms, eventTime: number): CorporateAction => ({
  eventTime,
  actionId,
  instrument: 'AAPL',
  type: 'split' in terms ? 'SPLIT' : 'CASH_DIVIDEND',
  exTime: FIRST + exDay * DAY,
  newUnits: 'split' in terms ? parseDecimal(terms.split[0]) : null,
  oldUnits: 'split' in terms ? parseDecimal(terms.split[1]) : null,
  amount: 'dividend' in terms ? parseDecimal(terms.dividend) : null,
  source: 'test',
});

class Market {
  readonly driver = new TopologyTestDriver(bars(), { now: () => NOW_MS });

  close(day: number, price: number, time = closeTime(day)): this {
    const value = trade('AAPL', price, time);
    this.driver.pipe('market.trades', { key: 'AAPL', value, timestampMs: value.eventTime / 1000 });
    return this;
  }
  /** Another instrument trades: the days before are over. */
  pass(day: number): this {
    const value = trade('MSFT', 1, closeTime(day));
    this.driver.pipe('market.trades', { key: 'MSFT', value, timestampMs: value.eventTime / 1000 });
    return this;
  }
  say(value: CorporateAction, key = `AAPL/${value.actionId}`): this {
    this.driver.pipe('reference.corporate-actions', { key, value, timestampMs: Math.floor(value.eventTime / 1000) });
    return this;
  }
  takeBack(actionId: string, eventTime: number): this {
    const record = { key: `AAPL/${actionId}`, value: null, timestampMs: eventTime / 1000 };
    this.driver.pipe('reference.corporate-actions', record);
    return this;
  }
  outputs(): DriverOutput<DailyReturn>[] {
    return this.driver.read<DailyReturn>('market.returns').filter(({ key }) => key!.startsWith('AAPL/'));
  }
  shown(): string[] {
    return this.outputs().map(
      ({ value: { date, simpleReturn, splitFactor, dividend, revision } }) =>
        `${date} ${simpleReturn.toFixed(6)} ${splitFactor} ${dividend} #${revision}`,
    );
  }
}

describe('daily returns with corporate actions', () => {
  it('are what the holder earned: a split is no loss, a dividend is income', () => {
    const market = new Market().say(action('s', 1, { split: ['2', '1'] }, FIRST));
    market.say(action('d', 2, { dividend: '0.51' }, FIRST));
    market.close(0, 100).close(1, 51).close(2, 51).pass(3);
    expect(market.shown()).toEqual([`${dateOf(1)} 0.020000 2 0 #0`, `${dateOf(2)} 0.010000 1 0.51 #0`]);
  });

  it('count all that lies between two days with trades, a dividend on the units that there are by then', () => {
    const market = new Market().say(action('a-split', 2, { split: ['2', '1'] }, FIRST));
    market.say(action('b-dividend', 3, { dividend: '1' }, FIRST)).say(action('later', 5, { dividend: '9' }, FIRST));
    market.close(0, 100).close(4, 49).pass(5);
    expect(market.shown()).toEqual([`${dateOf(4)} 0.000000 2 2 #0`]);
  });

  it('are revised by an action that comes late, is corrected or taken back, and only where they change', () => {
    const market = new Market().close(0, 100).close(1, 51).close(2, 52).pass(3);
    market.outputs();
    const said = FIRST + 3.5 * DAY;
    market.say(action('s', 1, { split: ['2', '1'] }, said));
    const [revised] = market.outputs();
    expect(revised!.value).toMatchObject({ date: dateOf(1), splitFactor: 2, revision: 1, eventTime: closeTime(3) });
    expect(revised!.value).toMatchObject({ sourceTopic: 'reference.corporate-actions', sourceEventTime: said });
    market.say(action('s', 1, { split: ['2', '1'] }, FIRST + 4 * DAY));
    expect(market.shown()).toEqual([]);
    market.say(action('s', 2, { split: ['2', '1'] }, FIRST + 5 * DAY));
    expect(market.shown()).toEqual([`${dateOf(1)} -0.490000 1 0 #2`, `${dateOf(2)} 1.039216 2 0 #1`]);
    market.takeBack('s', FIRST + 6 * DAY);
    expect(market.shown()).toEqual([`${dateOf(2)} 0.019608 1 0 #2`]);
  });

  it('stay as they are where no closes are kept any more, which is counted once for each record', () => {
    const market = new Market();
    for (let day = 0; day < 2 * KEPT_DAYS; day++) market.close(day, 100 + day);
    market.pass(2 * KEPT_DAYS).outputs();
    market.say(action('s', 2, { split: ['2', '1'] }, FIRST + 30 * DAY));
    market.say(action('s', 3, { split: ['3', '1'] }, FIRST + 31 * DAY));
    market.say(action('s', 3, { split: ['3', '1'] }, FIRST + 31.5 * DAY));
    market.takeBack('s', FIRST + 32 * DAY).takeBack('s', FIRST + 33 * DAY);
    expect(market.outputs()).toEqual([]);
    expect(market.driver.count('corporate-action-too-late')).toBe(3);
  });

  it('stay as they are after so many days also where the instrument has not traded since', () => {
    const market = new Market().close(0, 100).close(1, 50).pass(2);
    market.outputs();
    market.say(action('s', 1, { split: ['2', '1'] }, FIRST + (KEPT_DAYS + 1) * DAY));
    expect(market.shown()).toEqual([`${dateOf(1)} 0.000000 2 0 #1`]);
    market.pass(KEPT_DAYS + 2).takeBack('s', FIRST + (KEPT_DAYS + 1) * DAY + 1000);
    expect(market.outputs()).toEqual([]);
    expect(market.driver.count('corporate-action-too-late')).toBe(1);
  });

  it('are not hurried by an action that is said ahead of the market, and no trade is late for it', () => {
    const market = new Market().close(0, 100);
    market.say(action('s', 900, { split: ['2', '1'] }, FIRST + 900 * DAY)).takeBack('none', FIRST + 950 * DAY);
    expect(market.outputs()).toEqual([]);
    market.close(1, 101).close(2, 101).pass(3);
    expect(market.shown()).toEqual([`${dateOf(1)} 0.010000 1 0 #0`, `${dateOf(2)} 0.000000 1 0 #0`]);
  });

  it('miss nothing of actions from before the first trade', () => {
    const market = new Market().close(5, 100).close(6, 101).pass(7);
    market.outputs();
    market.say(action('old', 5, { dividend: '1' }, FIRST + 8 * DAY));
    expect(market.outputs()).toEqual([]);
    expect(market.driver.count('corporate-action-too-late')).toBe(0);
  });

  it('change nothing of what is to come until then', () => {
    const market = new Market().close(0, 100).close(1, 101).pass(2);
    market.outputs();
    market.say(action('s', 3, { split: ['2', '1'] }, FIRST + 2.9 * DAY));
    expect(market.outputs()).toEqual([]);
    market.close(3, 50.5).pass(4);
    expect(market.shown()).toEqual([`${dateOf(3)} 0.000000 2 0 #0`]);
  });

  it('begin at a day that came late with the actions after it', () => {
    const market = new Market().say(action('s', 1, { split: ['2', '1'] }, FIRST));
    market.say(action('t', 2, { split: ['3', '1'] }, FIRST));
    market.close(0, 60).close(2, 10).pass(3).close(1, 33);
    expect(market.shown()).toEqual([
      `${dateOf(2)} 0.000000 6 0 #0`,
      `${dateOf(1)} 0.100000 2 0 #0`,
      `${dateOf(2)} -0.090909 3 0 #1`,
    ]);
  });

  it('are none when splits take them out of the range of a double', () => {
    const market = new Market();
    for (let index = 0; index < 10; index++)
      market.say(action(`s${index}`, 1, { split: ['99999999999999999999999999999', '0.000000001'] }, FIRST));
    market.close(0, 100).close(1, 100).close(2, 100).pass(3);
    expect(market.outputs().map(({ key, value }) => [key, value?.simpleReturn ?? null])).toEqual([
      [`AAPL/${dateOf(1)}`, null],
      [`AAPL/${dateOf(2)}`, 0],
    ]);
  });

  it('set aside what is not sound and go on', () => {
    const market = new Market().close(0, 100).say({ ...action('s', 1, { split: ['2', '1'] }, FIRST), newUnits: 0n });
    market
      .say(action('s', 1, { split: ['2', '1'] }, FIRST), 'MSFT/s')
      .close(1, 101)
      .pass(2);
    expect(market.driver.readRejected().map(({ code }) => code)).toEqual(['CORPORATE_ACTION_INVALID', 'KEY_MISMATCH']);
    expect(market.shown()).toEqual([`${dateOf(1)} 0.010000 1 0 #0`]);
  });
});

const LAST = KEPT_DAYS - 1;
const terms: fc.Arbitrary<Terms> = fc.oneof(
  fc.record({ split: fc.constantFrom(['2', '1'] as const, ['1', '10'] as const, ['1.05', '1'] as const) }),
  fc.record({ dividend: fc.constantFrom('0.25', '3', '0.000000001') }),
);
/** In the night before the day's session or after it; the record's time may lie before that of what came earlier. */
const said = fc.record({
  day: fc.nat(LAST + 1),
  hour: fc.constantFrom(1, 23),
  daysLate: fc.nat(2),
  id: fc.nat(3),
  exDay: fc.nat(LAST + 2),
  exHour: fc.constantFrom(0, 13.5, 23.75),
  terms: fc.option(terms),
});
/** A trade of a day, the day's last one or not, that comes then or on a later day. */
const traded = fc.record({
  day: fc.nat(LAST),
  daysLate: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(LAST) }),
  hour: fc.integer({ min: 14, max: 20 }),
  price: fc.integer({ min: 1, max: 1_000 }),
});
const story = fc.record({
  trades: fc.array(traded, { maxLength: 20 }),
  sayings: fc.array(said, { maxLength: 12 }),
});
type Story = typeof story extends fc.Arbitrary<infer T> ? T : never;
const timeOf = (day: number, hour: number) => FIRST + day * DAY + hour * 3_600e6;

/** Plays a story to the end; gives the records, and the closes and actions that are in force then. */
function tell({ trades, sayings }: Story, restarts: ReadonlySet<number>) {
  const market = new Market();
  const actions = new Map<string, CorporateAction>();
  const closes = new Map<number, { readonly hour: number; readonly price: number }>();
  const say = (day: number, hour: number) => {
    for (const one of sayings) {
      if (one.day !== day || one.hour !== hour) continue;
      const actionId = `a${one.id}`;
      if (one.terms === null) {
        actions.delete(actionId);
        market.takeBack(actionId, timeOf(day, hour));
        continue;
      }
      const exDay = one.exDay + one.exHour / 24;
      const value = action(actionId, exDay, one.terms, timeOf(day - one.daysLate, hour));
      actions.set(actionId, value);
      market.say(value);
    }
  };
  for (let day = 0; day <= LAST + 1; day++) {
    say(day, 1);
    for (const one of trades) {
      if (Math.min(one.day + one.daysLate, LAST) !== day) continue;
      market.close(one.day, one.price, timeOf(one.day, one.hour));
      if (one.hour >= (closes.get(one.day)?.hour ?? 0)) closes.set(one.day, one);
    }
    market.pass(day);
    say(day, 23);
    market.driver.commit();
    if (restarts.has(day)) market.driver.abort();
  }
  const days = [...closes].map(([day, { price }]) => ({ day, price })).sort((a, b) => a.day - b.day);
  return { outputs: market.outputs(), actions: [...actions.values()], days };
}

/** What one unit that was held over the day before is worth in the end, bought and paid out step by step. */
function earned(actions: readonly CorporateAction[], previous: number, day: number, close: number) {
  let [units, paid] = [1, 0];
  for (const one of [...actions].sort((a, b) => a.exTime - b.exTime || (a.actionId < b.actionId ? -1 : 1))) {
    if (one.exTime < FIRST + (previous + 1) * DAY || one.exTime >= FIRST + (day + 1) * DAY) continue;
    if (one.type === 'SPLIT') units *= decimalToNumber(one.newUnits!) / decimalToNumber(one.oldUnits!);
    else paid += units * decimalToNumber(one.amount!);
  }
  return { units, paid, worth: units * close + paid };
}

describe('whatever is said when', () => {
  it('the newest return of each day is what its closes and the actions in force make of it', () => {
    fc.assert(
      fc.property(story, (story) => {
        const { outputs, actions, days } = tell(story, new Set());
        const newest = new Map(outputs.map(({ key, value }) => [key, value]));
        expect(newest.size).toBe(Math.max(0, days.length - 1));
        for (const [index, { day, price }] of days.entries()) {
          if (index === 0) continue;
          const previous = days[index - 1]!;
          const found = newest.get(`AAPL/${dateOf(day)}`)!;
          const { units, paid, worth } = earned(actions, previous.day, day, price);
          expect(found).toMatchObject({
            close: price,
            previousClose: previous.price,
            previousDate: dateOf(previous.day),
          });
          if (units === 1 && paid === 0) expect(found.simpleReturn).toBe(price / previous.price - 1);
          // Only the order of multiplications is another.
          const expected = worth / previous.price - 1;
          expect(Math.abs(found.simpleReturn - expected)).toBeLessThanOrEqual(1e-12 * (1 + Math.abs(expected)));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('revisions rise one by one and change something, no time goes back, and a restart changes no record', () => {
    fc.assert(
      fc.property(story, fc.uniqueArray(fc.nat(LAST)), (story, restarts) => {
        const { outputs } = tell(story, new Set());
        for (const records of Map.groupBy(outputs, ({ key }) => key).values()) {
          expect(records.map(({ value }) => value.revision)).toEqual(records.map((_, index) => index));
          const times = records.map(({ value }) => value.eventTime);
          expect(times).toEqual([...times].sort((a, b) => a - b));
          const figures = records.map(({ value: { close, previousClose, previousDate, splitFactor, dividend } }) =>
            [close, previousClose, previousDate, splitFactor, dividend].join(' '),
          );
          for (const [index, text] of figures.entries()) expect(text).not.toBe(figures[index - 1]);
        }
        expect(tell(story, new Set(restarts)).outputs).toEqual(outputs);
      }),
      { numRuns: 150 },
    );
  });
});
