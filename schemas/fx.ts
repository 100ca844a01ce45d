/**
 * Rates between currencies, from quoted pairs. A pair is an instrument of asset class FX whose id is six letters, base then
 * quote: the price of EURUSD is dollars for one euro. A rate is, in this order: 1 for the same currency; the pair itself;
 * one over its inverse; two legs over the pivot currency, each the pair itself or its inverse. Whatever is not there is
 * unknown and never 1: no rate, no number. Currencies are ISO 4217 codes of three capital letters; others have no pairs.
 */
import { checkDecimal, divideHalfEven } from './decimal.ts';

/** What crosses go over unless told otherwise. */
export const PIVOT_CURRENCY = 'USD';
/** The base currency of a portfolio that nobody described, and the currency of an instrument that nobody described. */
export const DEFAULT_CURRENCY = 'USD';

/** Newest price of a pair. */
export interface FxQuote {
  /** Units of the quote currency for one of the base; finite, greater than zero. */
  readonly price: number;
  /** Microseconds. */
  readonly eventTime: number;
}
/** Looks a pair up; undefined: not quoted. */
export type FxQuotes = (pair: string) => FxQuote | undefined;

export interface FxRate {
  /** Units of the second currency for one of the first; finite, greater than zero. */
  readonly rate: number;
  /** How it was found, e.g. `JPY>USD>EUR via USDJPY, EURUSD`; empty for a currency to itself. */
  readonly path: string;
  /** The oldest of its legs, microseconds; null for a currency to itself. */
  readonly eventTime: number | null;
}
/** A step of a path: a pair's price multiplies, or divides where the pair is quoted the other way round. */
export interface FxLeg {
  readonly pair: string;
  readonly isInverse: boolean;
}

const CODE = /^[A-Z]{3}$/;
export const isCurrencyCode = (text: string): boolean => CODE.test(text);

/** Whether an instrument's id has the form of a pair. Cheap: every mark is asked. */
export function isPairId(instrument: string): boolean {
  if (instrument.length !== 6) return false;
  for (let index = 0; index < 6; index++) {
    const code = instrument.charCodeAt(index);
    if (code < 65 || code > 90) return false;
  }
  return instrument.slice(0, 3) !== instrument.slice(3);
}

/** Units of `to` for one of `from`; null where no path is quoted. */
export function rateBetween(from: string, to: string, quotes: FxQuotes, pivot: string = PIVOT_CURRENCY): FxRate | null {
  if (from === to) return { rate: 1, path: '', eventTime: null };
  const direct = legBetween(from, to, quotes);
  if (direct) return rateOf([from, to], [direct]);
  if (from === pivot || to === pivot) return null;
  const first = legBetween(from, pivot, quotes);
  const second = legBetween(pivot, to, quotes);
  return first && second ? rateOf([from, pivot, to], [first, second]) : null;
}

type QuotedLeg = FxLeg & FxQuote;

function legBetween(from: string, to: string, quotes: FxQuotes): QuotedLeg | null {
  if (!isCurrencyCode(from) || !isCurrencyCode(to)) return null;
  const direct = quotes(from + to);
  if (direct) return { ...direct, pair: from + to, isInverse: false };
  const inverse = quotes(to + from);
  return inverse ? { ...inverse, pair: to + from, isInverse: true } : null;
}

/** Products over products: each leg is rounded once. */
function rateOf(currencies: readonly string[], legs: readonly QuotedLeg[]): FxRate | null {
  let above = 1;
  let below = 1;
  for (const { price, isInverse } of legs) {
    if (isInverse) below *= price;
    else above *= price;
  }
  const rate = above / below;
  if (!(rate > 0 && rate < Number.POSITIVE_INFINITY)) return null;
  const path = `${currencies.join('>')} via ${legs.map(({ pair }) => pair).join(', ')}`;
  return { rate, path, eventTime: Math.min(...legs.map(({ eventTime }) => eventTime)) };
}

/** The legs of a path as `rateBetween` writes it; empty for that of a currency to itself. */
export function legsOf(path: string): readonly FxLeg[] {
  if (path === '') return [];
  const [chain = '', pairs = ''] = path.split(' via ');
  const currencies = chain.split('>');
  return pairs.split(', ').map((pair, index) => ({ pair, isInverse: pair.slice(0, 3) !== currencies[index] }));
}

/**
 * An exact amount in another currency: amount × rate, the rate being the decimal that it prints as, rounded half-even at
 * the 9th decimal. Rate: finite, not negative. Throws DecimalError when the result leaves decimal(38, 9).
 */
export function convertDecimal(amount: bigint, rate: number): bigint {
  if (rate === 1 || amount === 0n) return amount;
  const [mantissa = '', exponent = '0'] = rate.toExponential().split('e');
  const digits = BigInt(mantissa.replace('.', ''));
  const shift = Number(exponent) - (mantissa.split('.')[1] ?? '').length;
  const product = amount * digits;
  return checkDecimal(shift >= 0 ? product * 10n ** BigInt(shift) : divideHalfEven(product, 10n ** BigInt(-shift)));
}
