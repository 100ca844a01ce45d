/** A portfolio day by day: what its P&L came from, and what it held of each sector. */
import { attributePnl, marketValue, type PnlParts } from '#quant/pnl-attribution.ts';
import type { PnlDay } from '#sinks/postgres/read.ts';
import type { InstrumentRow, PositionDay, RateDay } from '#sinks/postgres/read-attribution.ts';
import type { SplitRow } from '#sinks/postgres/read-corporate-actions.ts';

/** What is known of one portfolio; rows oldest first. */
export interface PortfolioDays {
  readonly pnlDays: readonly PnlDay[];
  /** With the newest of each instrument before the first day. */
  readonly positionDays: readonly PositionDay[];
  readonly rates: readonly RateDay[];
  readonly splits: readonly SplitRow[];
  readonly baseCurrency: string;
}
/** Amounts in the portfolio's base currency. */
export interface AttributedDay {
  readonly date: string;
  /** Equity at the beginning, with the day's deposits. */
  readonly begin: number;
  /** Change of the equity less deposits. */
  readonly pnl: number;
  /** The same by the positions; null where a rate is missing. Effects of rates are not in it. */
  readonly parts: PnlParts | null;
  /** By sector, what was held when the day began, and what it earned by changes of prices and dividends. */
  readonly sectors: ReadonlyMap<string, { readonly value: number; readonly earned: number }>;
  /** False where positions changed on a day whose equity is not known. */
  readonly isKnown: boolean;
}
/** All days of one instrument, in its own currency. */
export interface InstrumentPnl extends PnlParts {
  readonly instrument: string;
  readonly sector: string;
  readonly currency: string;
}

export const NO_SECTOR = 'No sector';
const NOTHING: PnlParts = { price: 0, dividends: 0, fees: 0, trading: 0, pnl: 0 };
const plus = (a: PnlParts, b: PnlParts, rate = 1): PnlParts => ({
  price: a.price + b.price * rate,
  dividends: a.dividends + b.dividends * rate,
  fees: a.fees + b.fees * rate,
  trading: a.trading + b.trading * rate,
  pnl: a.pnl + b.pnl * rate,
});

/**
 * Every day on which the portfolio has a value or a position changed, from a day on (null: the first) to its newest value: positions may be
 * written before the value that they make.
 */
export function datesOf({ pnlDays, positionDays }: PortfolioDays, from: string | null): string[] {
  const newest = pnlDays.at(-1)?.date ?? '';
  const dates = [...pnlDays, ...positionDays].map(({ date }) => date);
  return [...new Set(dates)].filter((date) => date >= (from ?? '') && date <= newest).sort();
}

/**
 * The portfolio on each of `dates` (ascending, with all of its own): on one that it has no row of, nothing changed. A day's local P&L counts
 * at its last rate, as in the portfolio's equity. Throws VALUE_NOT_FINITE.
 */
export function attributeDays(
  { pnlDays, positionDays, rates, splits, baseCurrency }: PortfolioDays,
  dates: readonly string[],
  instruments: readonly InstrumentRow[],
): { readonly days: AttributedDay[]; readonly instruments: InstrumentPnl[] } {
  const sectors = new Map(instruments.map(({ instrument, sector }) => [instrument, sector ?? NO_SECTOR]));
  const sectorOf = (instrument: string) => sectors.get(instrument) ?? NO_SECTOR;
  const values = new Map(pnlDays.map((day) => [day.date, day]));
  const held = new Map<string, PositionDay>();
  const totals = new Map<string, InstrumentPnl>();
  const rows = new Reader(positionDays);
  if (dates[0] !== undefined) for (const row of rows.before(dates[0])) held.set(row.instrument, row);
  const exchange = new Exchange(rates, baseCurrency);
  const splitsOf = Map.groupBy(splits, ({ instrument }) => instrument);
  let equity = 0;
  const days = dates.map((date): AttributedDay => {
    const changed = rows.through(date);
    const value = values.get(date);
    const bySector = new Map<string, { value: number; earned: number }>();
    const sectorRow = (instrument: string) => {
      const sector = sectorOf(instrument);
      const row = bySector.get(sector) ?? { value: 0, earned: 0 };
      bySector.set(sector, row);
      return row;
    };
    let isKnown = value !== undefined || changed.length === 0;
    for (const row of held.values()) {
      if (row.quantity === 0) continue;
      const rate = exchange.rate(row.currency);
      if (rate === null) isKnown = false;
      else sectorRow(row.instrument).value += marketValue(row) * rate;
    }
    exchange.advance(date);
    let parts: PnlParts | null = NOTHING;
    for (const row of changed) {
      const { instrument, currency } = row;
      const before = held.get(instrument) ?? null;
      const own = attributePnl(before, row, before ? ratioBetween(splitsOf.get(instrument) ?? [], before, row) : 1);
      held.set(instrument, row);
      totals.set(instrument, {
        instrument,
        sector: sectorOf(instrument),
        currency,
        ...plus(totals.get(instrument) ?? NOTHING, own),
      });
      const rate = exchange.rate(currency);
      if (rate === null) [parts, isKnown] = [null, false];
      else {
        parts = parts && plus(parts, own, rate);
        const earned = own.price + own.dividends;
        if (earned !== 0) sectorRow(instrument).earned += earned * rate;
      }
    }
    const begin = value ? value.equity - value.dayPnl : equity;
    equity = value?.equity ?? equity;
    return { date, begin, pnl: value?.dayPnl ?? 0, parts, sectors: bySector, isKnown };
  });
  const rank = ({ pnl }: InstrumentPnl) => -Math.abs(pnl);
  return { days, instruments: [...totals.values()].sort((a, b) => rank(a) - rank(b)) };
}

/** Units of after it for one before, of the splits whose ex time was between the two records: the prices of both are as of then. */
const ratioBetween = (splits: readonly SplitRow[], before: PositionDay, after: PositionDay): number =>
  splits.reduce(
    (ratio, split) =>
      split.exTime > before.eventTime && split.exTime <= after.eventTime ? ratio * split.ratio : ratio,
    1,
  );

/** Rows of ascending dates, taken date by date. */
class Reader {
  readonly #rows: readonly PositionDay[];
  #next = 0;

  constructor(rows: readonly PositionDay[]) {
    this.#rows = rows;
  }
  before(date: string): PositionDay[] {
    return this.#take((row) => row.date < date);
  }
  through(date: string): PositionDay[] {
    return this.#take((row) => row.date <= date);
  }
  #take(isWanted: (row: PositionDay) => boolean): PositionDay[] {
    const from = this.#next;
    while (this.#next < this.#rows.length && isWanted(this.#rows[this.#next]!)) this.#next++;
    return this.#rows.slice(from, this.#next);
  }
}

/** Rates as of the end of a day that moves on. */
class Exchange {
  readonly #days: readonly RateDay[];
  readonly #baseCurrency: string;
  #next = 0;

  constructor(days: readonly RateDay[], baseCurrency: string) {
    this.#days = days;
    this.#baseCurrency = baseCurrency;
  }
  advance(date: string): void {
    while (this.#next < this.#days.length && this.#days[this.#next]!.date <= date) this.#next++;
  }
  /** Base currency for one of it; before the first day of rates that day's; null where there is none. */
  rate(currency: string): number | null {
    if (currency === this.#baseCurrency) return 1;
    const day = this.#days[Math.max(this.#next - 1, 0)];
    return day?.baseCurrency === this.#baseCurrency ? (day.rates[currency] ?? null) : null;
  }
}
