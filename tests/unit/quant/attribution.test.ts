import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Attribution, brinsonFachler, linkCarino, type Side } from '#quant/attribution.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
const side = (sectors: Readonly<Record<string, readonly [weight: number, return_: number]>>, other = 0): Side => {
  const rows = Object.entries(sectors).map(([sector, [weight, value]]) => ({
    sector,
    weight,
    contribution: weight * value,
  }));
  return { return: rows.reduce((sum, { contribution }) => sum + contribution, other), sectors: rows };
};
const effects = ({ sectors }: Attribution) =>
  sectors.flatMap(({ allocation, selection, interaction }) => [allocation, selection, interaction]);
const total = (attribution: Attribution) => effects(attribution).reduce((sum, value) => sum + value, attribution.other);
const active = ({ portfolioReturn, benchmarkReturn }: Attribution) => portfolioReturn - benchmarkReturn;

/** Bacon, Practical Portfolio Performance Measurement and Attribution, chapter on arithmetic attribution: the worked example. */
const BACON_OWN = side({ UK: [0.4, 0.2], Japan: [0.3, -0.05], US: [0.3, 0.06] });
const BACON_MARKET = side({ UK: [0.4, 0.1], Japan: [0.2, -0.04], US: [0.4, 0.08] });

const weights = fc
  .array(fc.double({ min: -0.5, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 })
  .filter((values) => Math.abs(values.reduce((sum, value) => sum + value, 0)) > 0.2)
  .map((values) => {
    const whole = values.reduce((sum, value) => sum + value, 0);
    return values.map((value) => value / whole);
  });
const sectorReturns = fc.array(fc.double({ min: -0.1, max: 0.1, noNaN: true }), { minLength: 4, maxLength: 4 });
const anySide = fc
  .tuple(weights, sectorReturns, fc.double({ min: -0.01, max: 0.01, noNaN: true }))
  .map(([w, r, other]) =>
    side(Object.fromEntries(w.map((weight, index) => [`s${index}`, [weight, r[index]!]])), other),
  );
const period = fc
  .tuple(anySide, anySide)
  .filter(([own, market]) => own.return > -0.9 && market.return > -0.9)
  .map(([own, market]) => brinsonFachler(own, market));

describe('Brinson and Fachler', () => {
  it('gives the figures of the textbook', () => {
    const found = brinsonFachler(BACON_OWN, BACON_MARKET);
    expect(found.portfolioReturn).toBeCloseTo(0.083, 15);
    expect(found.benchmarkReturn).toBeCloseTo(0.064, 15);
    const expected = [
      ['UK', 0, 0.04, 0],
      ['Japan', -0.0104, -0.002, -0.001],
      ['US', -0.0016, -0.008, 0.002],
    ] as const;
    expected.forEach(([sector, allocation, selection, interaction], index) => {
      const row = found.sectors[index]!;
      expect(row.sector).toBe(sector);
      expect(row.allocation).toBeCloseTo(allocation, 15);
      expect(row.selection).toBeCloseTo(selection, 15);
      expect(row.interaction).toBeCloseTo(interaction, 15);
    });
    expect(total(found)).toBeCloseTo(0.019, 15);
  });

  it('takes a sector that one side does not hold as a choice of sectors alone', () => {
    const own = side({ A: [0.5, 0.1], onlyOwn: [0.5, 0.3] });
    const market = side({ A: [0.25, 0.1], onlyMarket: [0.75, -0.1] });
    const found = brinsonFachler(own, market);
    // The benchmark's return is -0.05.
    const rows = Object.fromEntries(found.sectors.map(({ sector, ...row }) => [sector, row]));
    expect(rows.onlyOwn).toEqual({ allocation: expect.closeTo(0.5 * 0.35, 12), selection: 0, interaction: 0 });
    expect(rows.onlyMarket).toEqual({ allocation: expect.closeTo(0.75 * 0.05, 12), selection: 0, interaction: 0 });
    expect(total(found)).toBeCloseTo(active(found), 14);
  });

  it('takes what longs and shorts that are even earned as selection, on either side', () => {
    const even = { sector: 'even', weight: 1e-17, contribution: 0.02 };
    const cash = { sector: 'cash', weight: 1, contribution: 0 };
    const hedged = { return: 0.02, sectors: [even, cash] };
    const market = side({ even: [0.5, 0.1], cash: [0.5, 0] });
    expect(brinsonFachler(hedged, market).sectors[0]).toEqual({
      sector: 'even',
      allocation: expect.closeTo(-0.5 * 0.05, 15),
      selection: 0.02,
      interaction: 0,
    });
    const inverse = brinsonFachler(market, hedged);
    expect(inverse.sectors[0]!.selection).toBe(-0.02);
    expect(total(inverse)).toBeCloseTo(0.03, 15);
  });

  it('keeps apart what no sector explains', () => {
    const found = brinsonFachler(side({ A: [1, 0.05] }, -0.001), side({ A: [1, 0.05] }, -0.0005));
    expect(effects(found)).toEqual([0, 0, 0]);
    expect(found.other).toBeCloseTo(-0.0005, 15);
  });

  it('sums to the active return whatever the weights and returns', () => {
    fc.assert(
      fc.property(anySide, anySide, (own, market) => {
        const found = brinsonFachler(own, market);
        const size = Math.max(1, ...effects(found).map(Math.abs));
        expect(Math.abs(total(found) - active(found))).toBeLessThanOrEqual(1e-12 * size);
      }),
    );
  });

  it('refuses weights that are not of one whole, a sector twice, and what is not finite', () => {
    const market = side({ A: [1, 0.1] });
    const refused = (own: Side, expected: string) => expect(() => brinsonFachler(own, market)).toThrow(code(expected));
    refused(side({ A: [0.9, 0.1] }), 'PARAMETER_INVALID');
    refused({ return: 0, sectors: [] }, 'PARAMETER_INVALID');
    const half = { sector: 'A', weight: 0.5, contribution: 0 };
    refused({ return: 0, sectors: [half, half] }, 'PARAMETER_INVALID');
    refused(side({ A: [1, Number.NaN] }), 'VALUE_NOT_FINITE');
    refused({ return: Number.POSITIVE_INFINITY, sectors: market.sectors }, 'VALUE_NOT_FINITE');
    expect(() => brinsonFachler(market, side({ A: [1.1, 0.1] }))).toThrow('the weights of the benchmark sum to 1.1');
  });
});

describe("Cariño's linking", () => {
  const bacon = brinsonFachler(BACON_OWN, BACON_MARKET);

  it('leaves one period as it is', () => {
    const linked = linkCarino([bacon]);
    effects(linked).forEach((value, index) => {
      expect(value).toBeCloseTo(effects(bacon)[index]!, 15);
    });
    expect(total(linked)).toBeCloseTo(0.019, 15);
  });

  it('sums to the difference of the compounded returns, whatever the periods', () => {
    fc.assert(
      fc.property(fc.array(period, { minLength: 1, maxLength: 40 }), (periods) => {
        const linked = linkCarino(periods);
        const compounded = (of: (one: Attribution) => number) =>
          periods.reduce((wealth, one) => wealth * (1 + of(one)), 1) - 1;
        expect(linked.portfolioReturn).toBe(compounded((one) => one.portfolioReturn));
        expect(linked.benchmarkReturn).toBe(compounded((one) => one.benchmarkReturn));
        const size = Math.max(1, ...effects(linked).map(Math.abs), Math.abs(linked.portfolioReturn));
        expect(Math.abs(total(linked) - active(linked))).toBeLessThanOrEqual(1e-11 * size);
      }),
    );
  });

  it('does not depend on the order of the periods', () => {
    fc.assert(
      fc.property(fc.array(period, { minLength: 2, maxLength: 10 }), (periods) => {
        const back = linkCarino(periods.toReversed());
        const size = Math.max(1, ...effects(back).map(Math.abs));
        for (const { sector, allocation } of linkCarino(periods).sectors) {
          const same = back.sectors.find((row) => row.sector === sector)!;
          expect(Math.abs(same.allocation - allocation)).toBeLessThanOrEqual(1e-11 * size);
        }
      }),
    );
  });

  it('has a limit where both sides returned the same, and comes near it from both sides', () => {
    // Effects cancel within the first period: both sides return 10 %.
    const even = (difference: number): Attribution => ({
      portfolioReturn: 0.1 + difference,
      benchmarkReturn: 0.1,
      sectors: [{ sector: 'A', allocation: 0.02, selection: difference - 0.02, interaction: 0 }],
      other: 0,
    });
    const at = linkCarino([even(0), even(0)]);
    // Growth of the whole over that of the period: 1.21 / 1.1, twice.
    expect(at.sectors[0]!.allocation).toBeCloseTo(2 * 0.02 * 1.1, 15);
    expect(total(at)).toBeCloseTo(0, 15);
    for (const difference of [1e-9, 1e-14, -1e-14, -1e-9]) {
      const near = linkCarino([even(difference), even(-difference)]);
      expect(near.sectors[0]!.allocation).toBeCloseTo(at.sectors[0]!.allocation, 8);
      expect(total(near)).toBeCloseTo(active(near), 15);
    }
  });

  it('says what cannot be linked: nothing, a lost portfolio, growth beyond a double', () => {
    const with_ = (portfolioReturn: number, benchmarkReturn = 0): Attribution => ({
      portfolioReturn,
      benchmarkReturn,
      sectors: [],
      other: portfolioReturn - benchmarkReturn,
    });
    expect(() => linkCarino([])).toThrow(code('HISTORY_TOO_SHORT'));
    for (const lost of [-1, -1.5]) {
      expect(() => linkCarino([bacon, with_(lost)])).toThrow(code('WEALTH_LOST'));
      expect(() => linkCarino([bacon, with_(0, lost)])).toThrow(code('WEALTH_LOST'));
    }
    expect(() => linkCarino([with_(Number.NaN)])).toThrow(code('VALUE_NOT_FINITE'));
    expect(() => linkCarino(Array(200).fill(with_(1e3)))).toThrow(code('VALUE_NOT_FINITE'));
    expect(() => linkCarino(Array(200).fill(with_(-0.999, -0.999)))).toThrow(code('VALUE_NOT_FINITE'));
  });
});
