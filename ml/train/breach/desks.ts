/**
 * Portfolios whose limits are learned from: the recorded ones of the demo, and made ones over the same stocks. Made ones are what
 * their name says; nothing that is reported of them is reported as if it were of a desk.
 */
import { INITIAL_CASH } from '#connectors/demo/book.ts';
import { UNIVERSE } from '#connectors/demo/strategies.ts';
import { decimalToNumber } from '#schemas/decimal.ts';
import { Random } from '#streams/kit/random.ts';
import type { Closes } from './history.ts';

export interface DeskHolding {
  readonly instrument: string;
  /** Signed units. */
  readonly quantity: number;
  readonly price: number;
}
/** A portfolio at a day's close. */
export interface DeskDay {
  /** Index into the closes. */
  readonly at: number;
  readonly eventTime: number;
  readonly equity: number;
  readonly dayPnl: number;
  readonly drawdown: number;
  readonly holdings: readonly DeskHolding[];
}
export interface Desk {
  readonly portfolio: string;
  readonly source: 'demo' | 'made';
  readonly days: readonly DeskDay[];
}

/** Of equity at the start: below it a made portfolio is closed. */
const RUIN = 0.1;
const GROSS = [0.6, 0.95, 0.95, 1.2, 1.6, 2] as const;
const REBALANCE_DAYS = [21, 63, 126, 252] as const;
const SHORT_SHARE = 0.25;
const MOST_HOLDINGS = 12;

/** A made portfolio: random weights over a few stocks, some of them short, rebalanced now and then and drawn anew once in a while. */
export function madeDesk(seed: string, closes: Closes): Desk {
  const random = new Random(seed);
  const pick = <T>(from: readonly T[]) => from[random.below(from.length)]!;
  const [gross, everyDays, hasShorts] = [pick(GROSS), pick(REBALANCE_DAYS), random.uniform() < SHORT_SHARE];
  const redraw = random.uniform() < 0.5 ? 252 : Number.POSITIVE_INFINITY;
  const start = decimalToNumber(INITIAL_CASH);
  const quantities = new Map<string, number>();
  let [cash, peak, before, target] = [start, start, start, drawWeights(random, gross, hasShorts)];
  const days: DeskDay[] = [];
  for (const [at, eventTime] of closes.eventTimes.entries()) {
    const price = (name: string) => closes.prices.get(name)![at]!;
    let equity = cash;
    for (const [name, quantity] of quantities) equity += quantity * price(name);
    if (!(equity > RUIN * start)) break;
    if (at % redraw === redraw - 1) target = drawWeights(random, gross, hasShorts);
    if (at % everyDays === 0) {
      for (const name of new Set([...quantities.keys(), ...target.keys()])) {
        const wanted = Math.trunc(((target.get(name) ?? 0) * equity) / price(name));
        cash -= (wanted - (quantities.get(name) ?? 0)) * price(name);
        if (wanted === 0) quantities.delete(name);
        else quantities.set(name, wanted);
      }
    }
    peak = Math.max(peak, equity);
    const holdings = [...quantities].map(([instrument, quantity]) => ({
      instrument,
      quantity,
      price: price(instrument),
    }));
    days.push({ at, eventTime, equity, dayPnl: equity - before, drawdown: 1 - equity / peak, holdings });
    before = equity;
  }
  return { portfolio: seed, source: 'made', days };
}

function drawWeights(random: Random, gross: number, hasShorts: boolean): Map<string, number> {
  const names = UNIVERSE.map((name) => ({ name, order: random.uniform() })).sort((a, b) => a.order - b.order);
  const chosen = names.slice(0, 2 + random.below(MOST_HOLDINGS - 1));
  const sizes = chosen.map(({ name }) => ({
    name,
    size: -Math.log(1 - random.uniform()),
    sign: hasShorts && random.uniform() < 0.3 ? -1 : 1,
  }));
  const total = sizes.reduce((sum, { size }) => sum + size, 0);
  return new Map(sizes.map(({ name, size, sign }) => [name, (sign * gross * size) / total]));
}

/** What is read of an exported record of portfolio.pnl and portfolio.positions. */
export interface RecordedPnl {
  readonly eventTime: number;
  readonly portfolio: string;
  readonly equity: number;
  readonly dayPnl: number;
  readonly drawdown: number;
}
export interface RecordedPosition {
  readonly eventTime: number;
  readonly portfolio: string;
  readonly instrument: string;
  /** Decimal text. */
  readonly quantity: string;
  readonly markPrice: number | null;
}

/** The recorded portfolios at each day's end: the newest records of each UTC day. */
export function recordedDesks(
  pnl: readonly RecordedPnl[],
  positions: readonly RecordedPosition[],
  closes: Closes,
): Desk[] {
  const indexes = new Map(closes.days.map((day, at) => [day, at]));
  const dayOf = (micros: number) => Math.floor(micros / 86_400e6);
  return [...new Set(pnl.map(({ portfolio }) => portfolio))].sort().map((portfolio): Desk => {
    const own = positions.filter((position) => position.portfolio === portfolio);
    const held = new Map<string, DeskHolding>();
    const days: DeskDay[] = [];
    let next = 0;
    const newest = new Map(
      pnl.filter((each) => each.portfolio === portfolio).map((each) => [dayOf(each.eventTime), each]),
    );
    for (const [day, { eventTime, equity, dayPnl, drawdown }] of newest) {
      for (; next < own.length && dayOf(own[next]!.eventTime) <= day; next++) {
        const { instrument, quantity, markPrice } = own[next]!;
        if (Number(quantity) === 0) held.delete(instrument);
        else held.set(instrument, { instrument, quantity: Number(quantity), price: markPrice! });
      }
      const at = indexes.get(day);
      if (at !== undefined) days.push({ at, eventTime, equity, dayPnl, drawdown, holdings: [...held.values()] });
    }
    return { portfolio, source: 'demo', days };
  });
}
