import { type Method, tailsBy } from '#quant/methods.ts';
import type { RiskLimit } from '#schemas/generated/types.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { GlobalTable } from '#streams/topology/types.ts';
import { dayOf } from '../kit/days.ts';
import { Histories, type KnownReturn } from '../kit/histories.ts';
import { align } from '../kit/scenarios.ts';
import type { Book } from './book.ts';
import { type Figure, figure, unknown, wantedTail } from './figures.ts';

/** Methods that draw paths or fit a model: too slow for an order that waits. */
const SLOW: ReadonlySet<string> = new Set<Method>(['filtered-historical', 'monte-carlo']);

/**
 * VaR and ES of holdings that are not held yet: of their histories as they were known at the beginning of the day, the newest `window` days that
 * all of them have, as topologies/risk takes them. By a limit's own method, but for those that simulate: there the figure in force changes as
 * the historical one would (`scaled`).
 */
export class WhatIf {
  readonly #histories: Histories;
  readonly #window: number;

  constructor(returns: GlobalTable<KnownReturn>, window: number) {
    this.#histories = new Histories(returns, window);
    this.#window = window;
  }

  /** The limit's figure of a book at an event time, microseconds. */
  figure(limit: RiskLimit, book: Book, eventTime: number): Figure {
    if (book.problem !== null) return unknown(book.problem);
    const foreign = book.holdings.find(({ isForeign }) => isForeign);
    // As in topologies/risk: scenarios are of prices alone, and a rate moves too.
    if (foreign) return unknown(`${foreign.instrument} is in another currency than the portfolio`);
    if (book.holdings.length === 0) return figure(0);
    const day = dayOf(eventTime);
    const histories = book.holdings.map(({ instrument }) => this.#histories.before(instrument, day));
    const { returns, shortest } = align(histories, this.#window);
    const exposures = Float64Array.from(book.holdings, ({ exposure }) => exposure!);
    const profits = new Float64Array(returns[0]!.length);
    for (const [index, row] of returns.entries())
      for (let at = 0; at < profits.length; at++) profits[at]! += exposures[index]! * row[at]!;
    const { method, confidence, horizonDays } = wantedTail(limit);
    const name = SLOW.has(method) ? 'historical' : (method as Method);
    const options = { confidences: [confidence], horizonsDays: [horizonDays], seed: '' };
    try {
      const [tail] = tailsBy(name, { profits, exposures, returns }, options)[0]!.tails;
      return figure(limit.type === 'value-at-risk' ? tail!.valueAtRisk : tail!.expectedShortfall);
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      const short = shortest === null ? '' : ` (${book.holdings[shortest]!.instrument} has the shortest history)`;
      return unknown(`${error.message}${short}`);
    }
  }

  /** The figure after an order, from those before and after of the same book, and the one in force by the limit's own method. */
  scaled(limit: RiskLimit, inForce: Figure, before: Figure, after: Figure): Figure {
    if (!SLOW.has(wantedTail(limit).method) || after.value === null) return after;
    if (inForce.value === null || before.value === null) return inForce.value === null ? inForce : before;
    if (before.value > 0) return figure((inForce.value * after.value) / before.value);
    return after.value <= 0 ? after : unknown('there is nothing to scale the figure in force by');
  }
}
