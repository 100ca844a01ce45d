import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  executionFigures,
  implementationShortfall,
  intervalTwap,
  intervalVwap,
  type OrderFill,
  type ParentOrder,
  slippageBps,
} from '#quant/execution.ts';

const ORDER: ParentOrder = {
  side: 'BUY',
  quantity: 1000,
  decisionPrice: 10,
  arrivalTime: 100,
  arrivalPrice: 10.05,
  multiplier: 1,
};
const fill = (time: number, quantity: number, price: number, commission = 0): OrderFill => ({
  time,
  quantity,
  price,
  commission,
});
const trade = (time: number, price: number, size: number | null = null) => ({ time, price, size });
const near = (actual: number | null, expected: number, scale = Math.abs(expected)) =>
  expect(Math.abs(actual! - expected), `${actual} against ${expected}`).toBeLessThanOrEqual(1e-12 * scale);

const price = fc.double({ min: 1, max: 1000, noNaN: true });
const units = fc.integer({ min: 1, max: 1_000_000 });
const someFills = fc.array(
  fc.record({
    time: fc.integer({ min: 100, max: 10_000 }),
    quantity: units,
    price,
    commission: fc.double({ min: -10, max: 10, noNaN: true }),
  }),
  { maxLength: 20 },
);
const someOrder: fc.Arbitrary<ParentOrder> = fc.record({
  side: fc.constantFrom('BUY', 'SELL'),
  quantity: units,
  decisionPrice: price,
  arrivalTime: fc.constant(100),
  arrivalPrice: price,
  multiplier: fc.constantFrom(1, 50, 0.01),
});
const someTrades = fc
  .array(fc.record({ time: fc.integer({ min: 0, max: 10_000 }), price, size: fc.option(units) }), { maxLength: 30 })
  .map((trades) => trades.sort((a, b) => a.time - b.time));

describe('implementation shortfall', () => {
  it("is that of the CFA Institute's example of Impulse Robotics: 87 basis points in four parts", () => {
    // CFA Program curriculum, reading on trading costs: decided at Monday's close of 10.00, nothing done on Tuesday (close 10.05), 700 of 1,000
    // bought at 10.07 on Wednesday for fees of 14, the rest given up at a close of 10.08. Paper gains 80, the real portfolio loses 7.
    const parts = implementationShortfall(ORDER, { quantity: 700, averagePrice: 10.07, fees: 14 }, 10.08);
    expect(parts.delayBps).toBeCloseTo(35, 10);
    expect(parts.tradingBps).toBeCloseTo(14, 10);
    expect(parts.opportunityBps).toBeCloseTo(24, 10);
    expect(parts.feesBps).toBeCloseTo(14, 10);
    expect(parts.shortfallBps).toBeCloseTo(87, 10);
    expect(parts.shortfall).toBeCloseTo(87, 10);
  });

  it('is the profit of the paper portfolio less that of the real one (Perold), and the sum of its parts', () => {
    fc.assert(
      fc.property(someOrder, fc.integer({ min: 1, max: 1_000_000 }), price, price, (order, done, averagePrice, end) => {
        const quantity = Math.min(done, order.quantity);
        const parts = implementationShortfall(order, { quantity, averagePrice, fees: 7 }, end);
        const sign = order.side === 'BUY' ? 1 : -1;
        const paper = sign * order.quantity * (end - order.decisionPrice!) * order.multiplier;
        const real = sign * quantity * (end - averagePrice) * order.multiplier - 7;
        const size = order.quantity * order.multiplier * 1000 + 7;
        near(parts.shortfall, paper - real, size);
        const { delayCost, tradingCost, opportunityCost, fees } = parts;
        near(parts.shortfall, delayCost! + tradingCost! + opportunityCost! + fees, size);
        const sumBps = parts.delayBps! + parts.tradingBps! + parts.opportunityBps! + parts.feesBps!;
        near(parts.shortfallBps, sumBps, 1e4 * 1000 + 1e7);
      }),
    );
  });

  it('is the opposite for the other side, fees apart', () => {
    fc.assert(
      fc.property(someOrder, price, price, (order, averagePrice, end) => {
        const executed = { quantity: order.quantity / 2, averagePrice, fees: 0 };
        const one = implementationShortfall({ ...order, side: 'BUY' }, executed, end);
        const other = implementationShortfall({ ...order, side: 'SELL' }, executed, end);
        for (const part of ['delayCost', 'tradingCost', 'opportunityCost', 'shortfall', 'shortfallBps'] as const)
          expect(other[part]! + one[part]!).toBe(0);
      }),
    );
  });

  it('has no opportunity cost once all is executed, or more', () => {
    for (const quantity of [1000, 1200])
      expect(implementationShortfall(ORDER, { quantity, averagePrice: 10, fees: 0 }, null).opportunityCost).toBe(0);
    const sell = implementationShortfall(
      { ...ORDER, side: 'SELL', arrivalPrice: 10 },
      { quantity: 1000, averagePrice: 10, fees: 0 },
      null,
    );
    expect(sell).toMatchObject({ delayCost: 0, tradingCost: 0, opportunityCost: 0, shortfall: 0, shortfallBps: 0 });
  });

  it('is unknown while the order is open, and without a decision price', () => {
    const executed = { quantity: 700, averagePrice: 10.07, fees: 14 };
    const open = implementationShortfall(ORDER, executed, null);
    expect(open).toMatchObject({ opportunityCost: null, shortfall: null, opportunityBps: null, shortfallBps: null });
    expect(open.tradingCost).toBeCloseTo(14, 10);
    const undecided = implementationShortfall({ ...ORDER, decisionPrice: null }, executed, 10.08);
    expect(undecided).toMatchObject({ delayCost: null, opportunityCost: null, shortfall: null, tradingBps: null });
    expect(undecided).toMatchObject({ fees: 14, feesBps: null });
    const full = { quantity: 1000, averagePrice: 10, fees: 0 };
    expect(implementationShortfall({ ...ORDER, decisionPrice: null }, full, null).shortfall).toBeNull();
  });

  it('is known without an arrival price, which only divides it', () => {
    const parts = implementationShortfall(
      { ...ORDER, arrivalPrice: null },
      { quantity: 700, averagePrice: 10.07, fees: 14 },
      10.08,
    );
    expect(parts).toMatchObject({ delayCost: null, tradingCost: null });
    expect(parts.shortfallBps).toBeCloseTo(87, 10);
  });

  it('of nothing executed is the opportunity alone', () => {
    const parts = implementationShortfall(ORDER, { quantity: 0, averagePrice: null, fees: 0 }, 11);
    expect(parts).toMatchObject({ delayCost: 0, tradingCost: 0, opportunityCost: 1000, shortfall: 1000 });
  });

  it('is null where a double cannot hold it', () => {
    const huge = { ...ORDER, quantity: 1e200, multiplier: 1e200 };
    const parts = implementationShortfall(huge, { quantity: 1, averagePrice: 10, fees: 1 }, 11);
    expect(parts).toMatchObject({ opportunityCost: null, shortfall: null, feesBps: null, delayBps: null });
  });

  it.each<[string, Partial<ParentOrder>, Partial<{ quantity: number; averagePrice: number; fees: number }>, number]>([
    ['PARAMETER_INVALID', { quantity: 0 }, {}, 10],
    ['PARAMETER_INVALID', { quantity: Number.NaN }, {}, 10],
    ['PARAMETER_INVALID', { decisionPrice: -1 }, {}, 10],
    ['PARAMETER_INVALID', { arrivalPrice: Number.POSITIVE_INFINITY }, {}, 10],
    ['PARAMETER_INVALID', { multiplier: 0 }, {}, 10],
    ['PARAMETER_INVALID', {}, { quantity: -1 }, 10],
    ['PARAMETER_INVALID', {}, { averagePrice: Number.NaN }, 10],
    ['PARAMETER_INVALID', {}, {}, 0],
    ['VALUE_NOT_FINITE', {}, { fees: Number.NaN }, 10],
  ])('throws %s for %o, %o, %o', (code, order, executed, end) => {
    const call = () =>
      implementationShortfall({ ...ORDER, ...order }, { quantity: 1, averagePrice: 10, fees: 0, ...executed }, end);
    expect(call).toThrow(expect.objectContaining({ code }));
  });
});

describe('slippage', () => {
  it('is positive when it is a cost, whatever the side', () => {
    expect(slippageBps('BUY', 101, 100)).toBe(100);
    expect(slippageBps('SELL', 101, 100)).toBe(-100);
    expect(slippageBps('SELL', 99, 100)).toBe(100);
  });
  it('does not change with the unit of the price', () => {
    fc.assert(
      fc.property(price, price, fc.double({ min: 1e-6, max: 1e6, noNaN: true }), (paid, benchmark, unit) => {
        near(slippageBps('BUY', paid * unit, benchmark * unit), slippageBps('BUY', paid, benchmark)!, 1e7);
      }),
    );
  });
  it('is null without a price, and where a double cannot hold it', () => {
    expect(slippageBps('BUY', null, 1)).toBeNull();
    expect(slippageBps('BUY', 1, null)).toBeNull();
    expect(slippageBps('BUY', 1e300, 1e-300)).toBeNull();
  });
  it('throws PARAMETER_INVALID for what is no price', () => {
    for (const [paid, benchmark] of [
      [0, 1],
      [1, Number.NaN],
      [1, -1],
    ] as const)
      expect(() => slippageBps('BUY', paid, benchmark)).toThrow(expect.objectContaining({ code: 'PARAMETER_INVALID' }));
  });
});

describe('averages of an interval', () => {
  it('takes into VWAP what traded after the start up to the end, by size', () => {
    const trades = [
      trade(100, 50, 1000),
      trade(101, 10, 100),
      trade(150, 99),
      trade(200, 20, 300),
      trade(201, 50, 1000),
    ];
    expect(intervalVwap(trades, 100, 200)).toBe(17.5);
  });
  it('has no VWAP without sizes', () => {
    expect(intervalVwap([trade(150, 10)], 100, 200)).toBeNull();
    expect(intervalVwap([], 100, 200)).toBeNull();
    expect(intervalVwap([trade(150, 10, 5)], 200, 100)).toBeNull();
  });
  it('takes into TWAP each price for as long as it was the last', () => {
    const trades = [trade(110, 20), trade(110, 30), trade(180, 60), trade(200, 1000), trade(250, 7)];
    // 10 for 10, 30 for 70, 60 for 20; the trade at the very end has had no time.
    expect(intervalTwap(10, trades, 100, 200)).toBe((10 * 10 + 30 * 70 + 60 * 20) / 100);
  });
  it('has the last price for a TWAP of a single moment, and none without a start or backwards', () => {
    expect(intervalTwap(10, [trade(90, 5)], 100, 100)).toBe(10);
    expect(intervalTwap(null, [trade(110, 5)], 100, 200)).toBeNull();
    expect(intervalTwap(10, [], 100, 99)).toBeNull();
  });
  it('throws PARAMETER_INVALID for bad trades and a wrong order', () => {
    const invalid = expect.objectContaining({ code: 'PARAMETER_INVALID' });
    expect(() => intervalVwap([trade(1, Number.NaN, 1)], 0, 2)).toThrow(invalid);
    expect(() => intervalVwap([trade(1, 1, 0)], 0, 2)).toThrow(invalid);
    expect(() => intervalTwap(1, [trade(1, -1)], 0, 2)).toThrow(invalid);
    expect(() => intervalTwap(1, [trade(2, 1), trade(1, 1)], 0, 2)).toThrow(invalid);
    expect(() => intervalTwap(1, [trade(Number.NaN, 1)], 0, 2)).toThrow(invalid);
  });
});

describe('the figures of an order', () => {
  it('say how much was filled, how soon, and at what price beside each benchmark', () => {
    const fills = [fill(300, 600, 10.1, 2), fill(200, 400, 10.2, 1)];
    const trades = [trade(150, 10.08, 1000), trade(250, 10.16, 3000)];
    const figures = executionFigures(ORDER, fills, trades, null);
    expect(figures).toMatchObject({
      quantity: 1000,
      fillRatio: 1,
      timeToFirstFillMicros: 100,
      timeToFullFillMicros: 200,
      fees: 3,
      opportunityCost: 0,
    });
    expect(figures.averagePrice).toBeCloseTo(10.14, 12);
    expect(figures.vwap).toBeCloseTo(10.14, 12);
    expect(figures.twap).toBeCloseTo((10.05 * 50 + 10.08 * 100 + 10.16 * 50) / 200, 12);
    expect(figures.slippageArrivalBps).toBeCloseTo((0.09 / 10.05) * 1e4, 8);
    expect(figures.slippageVwapBps).toBeCloseTo(0, 8);
  });

  it('of an order without fills are null where there is nothing to say', () => {
    expect(executionFigures(ORDER, [], [trade(150, 10, 5)], 11)).toMatchObject({
      quantity: 0,
      averagePrice: null,
      fillRatio: 0,
      timeToFirstFillMicros: null,
      timeToFullFillMicros: null,
      vwap: null,
      twap: null,
      slippageArrivalBps: null,
      shortfall: 1000,
    });
  });

  it('are the same for fills in any order, in basis points for any size of unit, and never NaN', () => {
    fc.assert(
      fc.property(someOrder, someFills, someTrades, price, (order, fills, trades, end) => {
        const figures = executionFigures(order, fills, trades, end);
        for (const value of Object.values(figures)) expect(value === null || Number.isFinite(value)).toBe(true);
        const turned = executionFigures(order, fills.toReversed(), trades, end);
        expect(turned.timeToFirstFillMicros).toBe(figures.timeToFirstFillMicros);
        expect(turned.vwap).toBe(figures.vwap);
        const scale = { ...order, quantity: order.quantity * 8, multiplier: order.multiplier * 4 };
        const scaled = executionFigures(
          scale,
          fills.map((one) => ({ ...one, quantity: one.quantity * 8, commission: one.commission * 32 })),
          trades,
          end,
        );
        // Factors of two change no digit.
        expect({ ...scaled, ...inCurrency(figures, 32), quantity: figures.quantity }).toEqual({
          ...figures,
          ...inCurrency(figures, 32),
        });
        expect(scaled.shortfall).toBe(inCurrency(figures, 32).shortfall);
      }),
    );
  });

  it('throws for a fill that is none', () => {
    const invalid = expect.objectContaining({ code: 'PARAMETER_INVALID' });
    expect(() => executionFigures(ORDER, [fill(1, 0, 1)], [], null)).toThrow(invalid);
    expect(() => executionFigures(ORDER, [fill(1, 1, Number.NaN)], [], null)).toThrow(invalid);
    expect(() => executionFigures({ ...ORDER, quantity: 1e-300 }, [fill(1, 1e300, 1)], [], null)).toThrow(
      expect.objectContaining({ code: 'VALUE_NOT_FINITE' }),
    );
  });
});

function inCurrency(figures: ReturnType<typeof executionFigures>, factor: number) {
  const times = (amount: number | null) => (amount === null ? null : amount * factor);
  return {
    delayCost: times(figures.delayCost),
    tradingCost: times(figures.tradingCost),
    opportunityCost: times(figures.opportunityCost),
    shortfall: times(figures.shortfall),
    fees: figures.fees * factor,
  };
}
