import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDecimal, parseDecimal } from '#schemas/decimal.ts';
import type { PortfolioPnl } from '#schemas/generated/types.ts';
import { calculate, type Event, Fraction, type Instant } from './currencies-model.ts';
import { at, cash, Desk, described, fill, instrument, rate, trade } from './desk.ts';

const DAY1 = at('01-03T21:00:00');
const DAY2 = at('01-04T21:00:00');
const DAY3 = at('01-05T21:00:00');
const last = (outputs: readonly PortfolioPnl[]) => outputs.at(-1)!;
const buy = (id: string, name: string, quantity: string, price: string, time = DAY1, commission = '0') =>
  fill({ id, instrument: name, side: 'BUY', quantity, price, time, commission });
const money = (amount: bigint | null) => (amount === null ? null : formatDecimal(amount));
const exact = (pnl: PortfolioPnl) => [pnl.cash, pnl.realizedPnl, pnl.commission].map(money);
const inCurrency = (pnl: PortfolioPnl, code: string) => pnl.currencies.find(({ currency }) => currency === code)!;

/** A euro portfolio; 7203 is in yen, AAPL in dollars, SAP in euros. */
function euroDesk(options = {}): Desk {
  const desk = new Desk(options);
  desk.describe(described('fund', 'EUR', DAY1 - 1));
  for (const [name, currency] of Object.entries({ '7203': 'JPY', AAPL: 'USD', SAP: 'EUR' }))
    desk.instrument(instrument(name, '1', DAY1 - 1, currency));
  return desk;
}

describe('a portfolio with instruments in other currencies', () => {
  it('is valued in its base currency at the rates of quoted pairs', () => {
    const desk = euroDesk();
    desk.cash(cash('1', '10000', DAY1));
    desk.rate(rate('EURUSD', 1.25, DAY1));
    desk.fill(buy('1', 'AAPL', '10', '100', DAY1, '1'));
    desk.trade(trade('AAPL', 110, DAY1 + 1));
    const pnl = last(desk.readPnl());
    // 10,000 EUR and -1,001 USD at 0.8.
    expect(exact(pnl)).toEqual(['9199.2', '-0.8', '0.8']);
    expect(pnl).toMatchObject({
      baseCurrency: 'EUR',
      missingRates: [],
      unrealizedPnl: 80,
      grossExposure: 880,
      netExposure: 880,
      openPositions: 1,
    });
    expect(pnl.equity).toBeCloseTo(10_079.2, 9);
    expect(pnl.dayPnl).toBeCloseTo(79.2, 9);
    expect(pnl.currencies).toEqual([
      {
        currency: 'EUR',
        rate: 1,
        path: '',
        rateTime: null,
        cash: parseDecimal('10000'),
        realizedPnl: 0n,
        commission: 0n,
        unrealizedPnl: 0,
        netExposure: 0,
        grossExposure: 0,
      },
      {
        currency: 'USD',
        rate: 0.8,
        path: 'USD>EUR via EURUSD',
        rateTime: DAY1,
        cash: parseDecimal('-1001'),
        realizedPnl: parseDecimal('-1'),
        commission: parseDecimal('1'),
        unrealizedPnl: 100,
        netExposure: 1100,
        grossExposure: 1100,
      },
    ]);
  });

  it('goes from yen to euros over the dollar, and says so', () => {
    const desk = euroDesk();
    desk.cash(cash('1', '1000', DAY1));
    desk.rate(rate('USDJPY', 125, DAY1));
    desk.rate(rate('EURUSD', 1.25, DAY1 + 5));
    desk.trade(trade('7203', 2000, DAY1 + 5));
    desk.fill(buy('1', '7203', '10', '2000', DAY1 + 5));
    const pnl = last(desk.readPnl());
    expect(inCurrency(pnl, 'JPY')).toMatchObject({
      rate: 1 / (125 * 1.25),
      path: 'JPY>USD>EUR via USDJPY, EURUSD',
      rateTime: DAY1,
    });
    expect(exact(pnl)).toEqual(['872', '0', '0']);
    expect(pnl).toMatchObject({ equity: 1000, grossExposure: 128, dayPnl: 0, drawdown: 0 });
  });

  it('gives no number where there is no rate, and the numbers when there is one', () => {
    const desk = euroDesk();
    desk.cash(cash('1', '1000', DAY1));
    desk.fill(buy('1', '7203', '10', '2000', DAY1));
    desk.rate(rate('USDJPY', 125, DAY1));
    const unknown = last(desk.readPnl());
    expect(unknown).toMatchObject({
      missingRates: ['JPY'],
      cash: null,
      // Nothing of these is in yen.
      realizedPnl: 0n,
      commission: 0n,
      unrealizedPnl: 0,
      grossExposure: 0,
      equity: null,
      dayPnl: null,
      peakEquity: null,
      drawdown: null,
    });
    expect(inCurrency(unknown, 'JPY')).toMatchObject({ rate: null, path: '', rateTime: null });
    expect(money(inCurrency(unknown, 'JPY').cash)).toBe('-20000');
    desk.trade(trade('7203', 2500, DAY1 + 1));
    expect(last(desk.readPnl())).toMatchObject({ unrealizedPnl: null, grossExposure: null, netExposure: null });
    desk.rate(rate('EURUSD', 1.25, DAY1 + 2));
    const known = last(desk.readPnl());
    expect(known).toMatchObject({ missingRates: [], eventTime: DAY1 + 2, sourceTopic: 'market.marks' });
    expect(known).toMatchObject({ unrealizedPnl: 32, equity: 1032, dayPnl: 32, grossExposure: 160 });
    expect(exact(known)).toEqual(['872', '0', '0']);
  });

  it('takes what rates do to foreign cash and holdings for profit, and for drawdown', () => {
    const desk = euroDesk();
    desk.rate(rate('EURUSD', 1.25, DAY1));
    desk.cash(cash('1', '1000', DAY1, 'fund', 'USD'));
    expect(last(desk.readPnl())).toMatchObject({ equity: 800, dayPnl: 0, drawdown: 0 });
    desk.rate(rate('EURUSD', 1, DAY2));
    expect(last(desk.readPnl())).toMatchObject({ equity: 1000, dayPnl: 200, peakEquity: 1000, drawdown: 0 });
    desk.fill(buy('1', 'AAPL', '10', '100', DAY2 + 1));
    desk.trade(trade('AAPL', 100, DAY2 + 1));
    desk.readPnl();
    desk.rate(rate('EURUSD', 1.25, DAY3));
    const pnl = last(desk.readPnl());
    expect(pnl).toMatchObject({ equity: 800, dayPnl: -200, peakEquity: 1000, drawdown: 0.2 });
    expect(pnl).toMatchObject({ sourceTopic: 'market.marks', sourceEventTime: DAY3, eventTime: DAY3 });
  });

  it('counts a deposit at the last rate of its event time, whichever came first', () => {
    for (const rateFirst of [true, false]) {
      const desk = euroDesk();
      desk.rate(rate('EURUSD', 1.25, DAY1));
      const [first, second] = [rate('EURUSD', 1, DAY2), cash('1', '1000', DAY2, 'fund', 'USD')];
      if (rateFirst) desk.rate(first);
      desk.cash(second);
      if (!rateFirst) desk.rate(first);
      desk.rate(rate('EURUSD', 1.25, DAY2 + 1));
      expect(last(desk.readPnl())).toMatchObject({ equity: 800, dayPnl: -200, drawdown: 0.2 });
    }
  });

  it('counts a deposit that comes late at the rate of its own time', () => {
    const desk = euroDesk();
    desk.rate(rate('EURUSD', 1.25, DAY1));
    desk.cash(cash('1', '1000', DAY1, 'fund', 'USD'));
    desk.rate(rate('EURUSD', 1, DAY2));
    desk.cash(cash('2', '1000', DAY1 + 5, 'fund', 'USD'));
    expect(last(desk.readPnl())).toMatchObject({ equity: 2000, dayPnl: 400, peakEquity: 2000, eventTime: DAY2 });
    desk.rate(rate('EURUSD', 1.25, DAY3));
    expect(last(desk.readPnl())).toMatchObject({ equity: 1600, dayPnl: -400, peakEquity: 2000, drawdown: 0.2 });
  });

  it('corrects the instants since a rate that comes late', () => {
    const story = (late: boolean) => {
      const desk = euroDesk();
      desk.rate(rate('EURUSD', 1.25, DAY1));
      desk.cash(cash('1', '1000', DAY1, 'fund', 'USD'));
      const [price, mark] = [rate('EURUSD', 1, DAY2), trade('AAPL', 150, DAY3)];
      desk.fill(buy('1', 'AAPL', '10', '100', DAY1 + 5));
      desk.trade(trade('AAPL', 100, DAY1 + 5));
      desk.readPnl();
      if (!late) desk.rate(price);
      desk.trade(mark);
      desk.readPnl();
      if (late) desk.rate(price);
      desk.trade(trade('AAPL', 120, DAY3 + 1));
      return last(desk.readPnl());
    };
    const { dayPnl, ...others } = story(true);
    expect({ ...others, dayPnl: 200 }).toEqual({ ...story(false), dayPnl: 200 });
    expect(dayPnl).toBeCloseTo(200, 10);
    expect(story(false)).toMatchObject({ equity: 1200, peakEquity: 1500, drawdown: 0.2 });
  });

  it('moves a position whose currency becomes known later, with all that it ever did', () => {
    const desk = new Desk();
    desk.describe(described('fund', 'EUR', DAY1));
    desk.rate(rate('EURUSD', 1.25, DAY1));
    desk.cash(cash('1', '1000', DAY1));
    desk.fill(buy('1', 'SAP', '10', '10', DAY1));
    expect(exact(last(desk.readPnl()))).toEqual(['920', '0', '0']);
    desk.instrument(instrument('SAP', '1', DAY1, 'EUR'));
    desk.trade(trade('SAP', 11, DAY1 + 1));
    const pnl = last(desk.readPnl());
    expect(exact(pnl)).toEqual(['900', '0', '0']);
    expect(pnl).toMatchObject({ equity: 1010, dayPnl: 10, openPositions: 1, grossExposure: 110 });
    expect(inCurrency(pnl, 'USD')).toMatchObject({ cash: 0n, unrealizedPnl: 0, grossExposure: 0 });
  });

  it('keeps its currency when its descriptions are deleted', () => {
    const desk = euroDesk();
    desk.rate(rate('EURUSD', 1.25, DAY1));
    desk.fill(buy('1', 'SAP', '10', '10', DAY1));
    desk.positions.pipe('reference.instruments', { key: 'SAP', value: null, timestampMs: DAY1 / 1000 });
    desk.portfolio.pipe('reference.portfolios', { key: 'fund', value: null, timestampMs: DAY1 / 1000 });
    desk.trade(trade('SAP', 11, DAY1 + 1));
    expect(last(desk.readPnl())).toMatchObject({ baseCurrency: 'EUR', grossExposure: 110, currencies: [] });
  });

  it('is as it would have been when its base currency becomes known after what happened', () => {
    const story = (late: boolean) => {
      const desk = new Desk();
      if (!late) desk.describe(described('fund', 'EUR', DAY1));
      desk.instrument(instrument('SAP', '1', DAY1, 'EUR'));
      desk.rate(rate('EURUSD', 1.25, DAY1));
      desk.cash(cash('1', '1000', DAY1));
      desk.cash(cash('2', '100', DAY1, 'fund', 'USD'));
      desk.fill(buy('1', 'SAP', '10', '10', DAY1));
      desk.fill(buy('2', 'AAPL', '10', '10', DAY1));
      desk.readPnl();
      if (late) desk.describe(described('fund', 'EUR', DAY1));
      desk.rate(rate('EURUSD', 1, DAY2));
      return last(desk.readPnl());
    };
    expect(story(true)).toEqual(story(false));
    expect(story(true)).toMatchObject({ equity: 1100, dayPnl: 20, baseCurrency: 'EUR' });
  });

  it('emits the portfolios that a pair concerns, and no others', () => {
    const desk = euroDesk();
    desk.rate(rate('EURUSD', 1.25, DAY1));
    desk.cash(cash('1', '10', DAY1, 'home'));
    desk.cash(cash('2', '10', DAY1, 'fund', 'USD'));
    desk.readPnl();
    for (const [pair, count] of [
      ['EURUSD', 1],
      ['USDJPY', 0],
      ['GBPCHF', 0],
      ['GOOGLE', 0],
    ] as const) {
      desk.rate(rate(pair, 1.5, DAY2));
      expect(desk.readPnl()).toHaveLength(count);
    }
    desk.rate(rate('EURUSD', 2, DAY1));
    expect(desk.readPnl()).toEqual([]);
    expect(desk.portfolio.count('late-rate')).toBe(4);
  });

  it('has other pivots by configuration', () => {
    const desk = euroDesk({ pivotCurrency: 'GBP' });
    desk.cash(cash('1', '100', DAY1, 'fund', 'JPY'));
    desk.rate(rate('USDJPY', 125, DAY1));
    desk.rate(rate('EURUSD', 1.25, DAY1));
    expect(last(desk.readPnl())).toMatchObject({ missingRates: ['JPY'] });
    desk.rate(rate('GBPJPY', 200, DAY1));
    desk.rate(rate('EURGBP', 0.5, DAY1));
    expect(inCurrency(last(desk.readPnl()), 'JPY')).toMatchObject({
      path: 'JPY>GBP>EUR via GBPJPY, EURGBP',
      rate: 0.01,
    });
  });

  it('counts any number of deposits from before the first rate at the first rate', () => {
    const desk = euroDesk();
    for (let n = 0; n < 100; n++) desk.cash(cash(`${n}`, '10', DAY1 + n, 'fund', 'USD'));
    desk.rate(rate('EURUSD', 1.25, DAY2));
    expect(last(desk.readPnl())).toMatchObject({ equity: 800, dayPnl: 0, drawdown: 0 });
    desk.rate(rate('EURUSD', 1, DAY3));
    expect(last(desk.readPnl())).toMatchObject({ equity: 1000, dayPnl: 200 });
  });

  it('refuses a pivot that is no currency', () => {
    expect(() => euroDesk({ pivotCurrency: 'dollar' })).toThrow(/"dollar": expected an ISO 4217 code/);
  });

  it('emits once a commit when conflated', () => {
    const desk = euroDesk({ conflate: true });
    desk.cash(cash('1', '1000', DAY1, 'fund', 'USD'));
    for (const [price, time] of [
      [1.25, DAY1],
      [1, DAY2],
      [1.25, DAY3],
    ] as const)
      desk.rate(rate('EURUSD', price, time));
    desk.portfolio.commit();
    const outputs = desk.readPnl();
    expect(outputs).toHaveLength(1);
    expect(outputs[0]).toMatchObject({ equity: 800, peakEquity: 1000, drawdown: 0.2 });
  });

  it('has its rates and pots back after an abort', () => {
    const desk = euroDesk();
    desk.rate(rate('EURUSD', 1.25, DAY1));
    desk.cash(cash('1', '100', DAY1, 'fund', 'USD'));
    desk.portfolio.commit();
    desk.rate(rate('EURUSD', 1, DAY2));
    desk.portfolio.abort();
    desk.readPnl();
    desk.cash(cash('2', '100', DAY2, 'fund', 'USD'));
    expect(last(desk.readPnl())).toMatchObject({ equity: 160, dayPnl: 0 });
  });
});

describe('bad records about currencies', () => {
  it('are rejected, and change nothing', () => {
    const desk = euroDesk();
    desk.describe(described('fund', 'euro', DAY1));
    desk.describe(described('fund', 'USD', DAY1), 'other');
    desk.cash(cash('1', '1', DAY1, 'fund', 'usd'));
    desk.rate({ ...rate('EURUSD', 0, DAY1) });
    desk.rate({ ...rate('EURUSD', Number.POSITIVE_INFINITY, DAY1) });
    expect(desk.rejections()).toEqual([
      'CURRENCY_INVALID',
      'KEY_MISMATCH',
      'CURRENCY_INVALID',
      ...Array(8).fill('MARK_INVALID'),
    ]);
    desk.cash(cash('1', '1', DAY1));
    expect(last(desk.readPnl())).toMatchObject({ baseCurrency: 'EUR', equity: 1, currencies: [] });
  });

  it('that would take a total out of range leave the rate as it was', () => {
    const desk = euroDesk();
    desk.rate(rate('EURUSD', 1, DAY1));
    desk.cash(cash('1', '5e28', DAY1, 'fund', 'USD'));
    desk.cash(cash('2', '6e28', DAY1, 'fund'));
    desk.rate(rate('EURUSD', 0.5, DAY2));
    expect(desk.rejections()).toEqual(['AMOUNT_OUT_OF_RANGE', 'AMOUNT_OUT_OF_RANGE']);
    desk.cash(cash('3', '1', DAY3));
    expect(exact(last(desk.readPnl()))[0]).toBe('50000000000000000000000000001');
  });

  it('an instrument in a currency that nobody quotes has no number, whatever it is called', () => {
    const desk = euroDesk();
    desk.rate(rate('EURUSD', 1.25, DAY1));
    desk.instrument(instrument('X', '1', DAY1, 'usd'));
    desk.fill(buy('1', 'X', '1', '10'));
    expect(last(desk.readPnl())).toMatchObject({ missingRates: ['usd'], equity: null, cash: null });
  });
});

const NAMES = new Map([
  ['SAP', 'EUR'],
  ['AAPL', 'USD'],
  ['7203', 'JPY'],
  ['9984', 'JPY'],
]);
const START: readonly Event[] = [
  { kind: 'rate', pair: 'EURUSD', price: 1.1 },
  { kind: 'rate', pair: 'USDJPY', price: 130 },
  ...[...NAMES.keys()].map((name): Event => ({ kind: 'trade', name, price: 100 })),
];
const cents = (least: number, most: number) => fc.integer({ min: least * 100, max: most * 100 }).map((n) => n / 100);
const fillOf = fc.record({
  kind: fc.constant('fill' as const),
  name: fc.constantFrom(...NAMES.keys()),
  quantity: fc.integer({ min: -50, max: 50 }).filter((quantity) => quantity !== 0),
  price: cents(50, 150),
});
const tradeOf = fc.record({
  kind: fc.constant('trade' as const),
  name: fc.constantFrom(...NAMES.keys()),
  price: cents(50, 150),
});
const cashOf = fc.record({
  kind: fc.constant('cash' as const),
  currency: fc.constantFrom(null, 'EUR', 'USD', 'JPY'),
  amount: cents(-500, 2000).filter((amount) => amount !== 0),
});
const rateOf = fc
  .constantFrom('EURUSD', 'USDJPY')
  .chain((pair) =>
    cents(pair === 'EURUSD' ? 0.8 : 90, pair === 'EURUSD' ? 1.4 : 160).map(
      (price): Event => ({ kind: 'rate', pair, price }),
    ),
  );
/** At one event time the last of two prices would hold, and averages go by the order of fills: one of each a name. */
const eventsOf = fc.uniqueArray(fc.oneof(fillOf, tradeOf, cashOf, rateOf), {
  maxLength: 6,
  selector: (event) => (event.kind === 'cash' ? event : `${event.kind} ${'name' in event ? event.name : event.pair}`),
});
const daysOf = fc.array(fc.record({ nextDay: fc.boolean(), events: eventsOf }), { maxLength: 12 });

function run(instants: readonly Instant[], order: (events: readonly Event[]) => readonly Event[]): PortfolioPnl {
  const desk = new Desk();
  for (const [name, currency] of NAMES) desk.instrument(instrument(name, '1', DAY1 - 1, currency));
  desk.describe(described('fund', 'EUR', DAY1 - 1));
  const outputs: PortfolioPnl[] = [];
  instants.forEach(({ day, events }, index) => {
    const time = DAY1 + day * 86_400_000_000 + index;
    for (const event of order(events)) {
      const id = `${index} ${events.indexOf(event)}`;
      if (event.kind === 'rate') desk.rate(rate(event.pair, event.price, time));
      else if (event.kind === 'trade') desk.trade(trade(event.name, event.price, time));
      else if (event.kind === 'cash') desk.cash(cash(id, String(event.amount), time, 'fund', event.currency));
      else
        desk.fill(
          fill({
            id,
            instrument: event.name,
            side: event.quantity > 0 ? 'BUY' : 'SELL',
            quantity: String(Math.abs(event.quantity)),
            price: String(event.price),
            time,
          }),
        );
      outputs.push(...desk.readPnl());
    }
  });
  return last(outputs);
}

describe('any story in three currencies', { timeout: 120_000 }, () => {
  const storyOf = daysOf.map((days): Instant[] => {
    let day = 0;
    const first: Event[] = [...START, { kind: 'cash', currency: null, amount: 1000 }];
    return [
      { day, events: first },
      ...days
        .filter(({ events }) => events.length > 0)
        .map(({ nextDay, events }) => {
          if (nextDay) day++;
          // So that it is an instant of the portfolio, which others of them may not concern.
          return { day, events: [...events, { kind: 'cash' as const, currency: null, amount: 1 }] };
        }),
    ];
  });

  it('comes to what a batch calculation in fractions comes to', () => {
    fc.assert(
      fc.property(storyOf, (instants) => {
        const pnl = run(instants, (events) => events);
        const batch = calculate(instants, 'EUR', NAMES);
        const size = [...batch.cash.values()].reduce((sum, amount) => sum + Math.abs(amount.toNumber()), 1e5);
        const close = (value: number | null, expected: Fraction) =>
          expect(Math.abs(value! - expected.toNumber())).toBeLessThan(size * 1e-12);
        close(pnl.equity, batch.equity);
        close(pnl.dayPnl, batch.dayPnl);
        close(pnl.peakEquity! - pnl.equity!, batch.peakProfit.minus(batch.profit));
        let sum = 0n;
        for (const { currency, rate: used, cash: amount } of pnl.currencies) {
          expect(amount).toBe((batch.cash.get(currency) ?? new Fraction(0n)).rounded());
          sum += new Fraction(amount, 1_000_000_000n).times(Fraction.of(used!)).rounded();
        }
        if (pnl.currencies.length > 0) expect(pnl.cash).toBe(sum);
      }),
      { numRuns: 25 },
    );
  });

  it('ends the same however what happened at one event time is ordered', () => {
    fc.assert(
      fc.property(storyOf, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (instants, dice) => {
        const shuffle = (events: readonly Event[]) =>
          events
            .map((event) => ({ event, place: dice.next().value as number }))
            .sort((a, b) => a.place - b.place)
            .map(({ event }) => event);
        const cause = { sourceTopic: '', sourceEventTime: 0 };
        expect({ ...run(instants, shuffle), ...cause }).toEqual({ ...run(instants, (events) => events), ...cause });
      }),
      { numRuns: 15 },
    );
  });
});
