import { divideHalfEven } from '#schemas/decimal.ts';

/** A fraction of bigints: what a batch calculation is made in, so that it rounds nothing. */
export class Fraction {
  readonly above: bigint;
  readonly below: bigint;

  constructor(above: bigint, below = 1n) {
    this.above = below < 0n ? -above : above;
    this.below = below < 0n ? -below : below;
  }
  /** Of a number as it is printed. */
  static of(value: number): Fraction {
    const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
    const shift = Number(exponent) - (mantissa.split('.')[1] ?? '').length;
    const digits = BigInt(mantissa.replace('.', ''));
    return shift >= 0 ? new Fraction(digits * 10n ** BigInt(shift)) : new Fraction(digits, 10n ** BigInt(-shift));
  }
  plus(other: Fraction): Fraction {
    return new Fraction(this.above * other.below + other.above * this.below, this.below * other.below);
  }
  minus(other: Fraction): Fraction {
    return this.plus(new Fraction(-other.above, other.below));
  }
  times(other: Fraction): Fraction {
    return new Fraction(this.above * other.above, this.below * other.below);
  }
  over(other: Fraction): Fraction {
    return new Fraction(this.above * other.below, this.below * other.above);
  }
  /** In units of 1e-9, half-even. */
  rounded(): bigint {
    return divideHalfEven(this.above * 1_000_000_000n, this.below);
  }
  toNumber(): number {
    return Number(divideHalfEven(this.above * 10n ** 30n, this.below)) / 1e30;
  }
}
export const ZERO = new Fraction(0n);

export type Event =
  | { readonly kind: 'fill'; readonly name: string; readonly quantity: number; readonly price: number }
  | { readonly kind: 'trade'; readonly name: string; readonly price: number }
  | { readonly kind: 'cash'; readonly currency: string | null; readonly amount: number }
  | { readonly kind: 'rate'; readonly pair: string; readonly price: number };
/** What happened at one event time, in any order. */
export interface Instant {
  readonly day: number;
  readonly events: readonly Event[];
}

/** What a portfolio is worth in the end, from all that happened, at once. */
export interface Outcome {
  readonly equity: Fraction;
  readonly dayPnl: Fraction;
  readonly peakProfit: Fraction;
  readonly profit: Fraction;
  /** Exact, by currency. */
  readonly cash: ReadonlyMap<string, Fraction>;
}

/**
 * The batch calculation: everything that happened up to the end of each instant, added up from the beginning. `currencies`: of each
 * instrument. `prices` of pairs against the dollar, base first. Commission is none, and marks come with or before the first fill.
 */
export function calculate(
  instants: readonly Instant[],
  base: string,
  currencies: ReadonlyMap<string, string>,
): Outcome {
  const past: { day: number; profit: Fraction }[] = [];
  let deposits = ZERO;
  let equity = ZERO;
  let cash = new Map<string, Fraction>();
  const upTo: Event[] = [];
  const rates = new Map<string, Fraction>();
  for (const { day, events } of instants) {
    upTo.push(...events);
    for (const event of events) if (event.kind === 'rate') rates.set(event.pair, Fraction.of(event.price));
    const toBase = (currency: string) => dollars(currency, rates).over(dollars(base, rates));
    for (const event of events)
      if (event.kind === 'cash')
        deposits = deposits.plus(Fraction.of(event.amount).times(toBase(event.currency ?? base)));
    cash = new Map();
    const units = new Map<string, Fraction>();
    const marks = new Map<string, Fraction>();
    const add = (map: Map<string, Fraction>, key: string, amount: Fraction) =>
      map.set(key, (map.get(key) ?? ZERO).plus(amount));
    for (const event of upTo) {
      if (event.kind === 'cash') add(cash, event.currency ?? base, Fraction.of(event.amount));
      if (event.kind === 'trade') marks.set(event.name, Fraction.of(event.price));
      if (event.kind !== 'fill') continue;
      add(units, event.name, Fraction.of(event.quantity));
      add(cash, currencies.get(event.name)!, ZERO.minus(Fraction.of(event.quantity).times(Fraction.of(event.price))));
    }
    equity = ZERO;
    for (const [currency, amount] of cash) equity = equity.plus(amount.times(toBase(currency)));
    for (const [name, held] of units)
      equity = equity.plus(held.times(marks.get(name)!).times(toBase(currencies.get(name)!)));
    past.push({ day, profit: equity.minus(deposits) });
  }
  const today = past.at(-1)!.day;
  const dayStart = past.findLast(({ day }) => day < today)?.profit ?? ZERO;
  const { profit } = past.at(-1)!;
  const peakProfit = past.reduce((peak, each) => (each.profit.minus(peak).above > 0n ? each.profit : peak), ZERO);
  return { equity, dayPnl: profit.minus(dayStart), peakProfit, profit, cash };
}

/** Dollars for one: EURUSD as it is, USDJPY turned round. */
function dollars(currency: string, rates: ReadonlyMap<string, Fraction>): Fraction {
  if (currency === 'USD') return new Fraction(1n);
  return rates.get(`${currency}USD`) ?? new Fraction(1n).over(rates.get(`USD${currency}`)!);
}
