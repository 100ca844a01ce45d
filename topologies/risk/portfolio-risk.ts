import type { Holdings } from '#quant/methods.ts';
import { ScenarioBook } from '#quant/scenario-book.ts';
import { dateOf } from '../kit/days.ts';
import type { Histories, History } from '../kit/histories.ts';
import { align, onDays } from '../kit/scenarios.ts';
import type { Exposures } from './measures.ts';
import type { RiskSettings } from './settings.ts';

const NO_SCENARIOS = { days: [], returns: [], shortest: null } as const;

/**
 * One portfolio in memory: its exposures, and the scenario book over them. A tick changes one exposure and one column; the book is made
 * anew when instruments come or go, or their histories grow a day.
 */
export class PortfolioRisk {
  readonly portfolio: string;
  /** Other currencies than the base currency that anything is in, by code. */
  foreign: readonly string[] = [];
  readonly #settings: RiskSettings;
  /** Open positions, base currency; NaN where there is no mark or no rate. */
  readonly #amounts = new Map<string, number>();
  #instruments: readonly string[] | null = null;
  #histories: readonly History[] = [];
  #days: readonly number[] = [];
  #returns: readonly Float64Array[] = [];
  #shortest: string | null = null;
  #book: ScenarioBook | null = null;

  constructor(portfolio: string, settings: RiskSettings) {
    this.portfolio = portfolio;
    this.#settings = settings;
  }

  /** Null: the position is closed. NaN: it has no mark, or its currency no rate. */
  hold(instrument: string, amount: number | null): void {
    if (amount === null) {
      if (this.#amounts.delete(instrument)) this.#instruments = null;
      return;
    }
    if (!this.#amounts.has(instrument)) this.#instruments = null;
    this.#amounts.set(instrument, amount);
  }

  /** Holds these and nothing else. */
  holdOnly(instruments: readonly string[], amounts: readonly number[]): void {
    const wanted = new Set(instruments);
    for (const instrument of [...this.#amounts.keys()]) if (!wanted.has(instrument)) this.hold(instrument, null);
    instruments.forEach((instrument, index) => {
      this.hold(instrument, amounts[index]!);
    });
  }

  exposures(): Exposures {
    const instruments = this.#sorted();
    return { instruments, amounts: Float64Array.from(instruments, (instrument) => this.#amounts.get(instrument)!) };
  }

  /** Scenarios as known at the beginning of `day`, and today's exposures in them. */
  update(histories: Histories, day: number): void {
    const instruments = this.#sorted();
    const now = instruments.map((instrument) => histories.before(instrument, day));
    const isSame = this.#book !== null && now.length === this.#histories.length;
    if (!isSame || now.some((history, index) => history !== this.#histories[index])) this.#align(instruments, now);
    this.#histories = now;
    instruments.forEach((instrument, index) => {
      const amount = this.#amounts.get(instrument)!;
      this.#book?.hold(index, Number.isNaN(amount) ? 0 : amount);
    });
  }

  get scenarios(): number {
    return this.#days.length;
  }
  /** VaR and ES at each level of the settings; only with at least two scenarios. */
  get book(): ScenarioBook | null {
    return this.#book;
  }
  get historyDate(): string | null {
    const last = this.#days.at(-1);
    return last === undefined ? null : dateOf(last);
  }
  /** The instrument whose history is the shortest, where that cuts the window. */
  get shortestHistory(): string | null {
    return this.#shortest;
  }
  /** Of the last update. */
  holdings(): Holdings {
    const profits = this.#book?.profits ?? new Float64Array(this.#days.length);
    return { profits, exposures: this.exposures().amounts, returns: this.#returns };
  }
  /** Another instrument's returns on the days of the scenarios. */
  alongside(history: History): Float64Array {
    return onDays(history, this.#days);
  }

  #align(instruments: readonly string[], histories: readonly History[]): void {
    const { window, confidences } = this.#settings;
    const { days, returns, shortest } = instruments.length === 0 ? NO_SCENARIOS : align(histories, window);
    this.#days = days;
    this.#returns = returns;
    this.#shortest = shortest === null ? null : instruments[shortest]!;
    this.#book = days.length < 2 ? null : new ScenarioBook(returns, days.length, confidences);
  }

  #sorted(): readonly string[] {
    if (this.#instruments) return this.#instruments;
    this.#instruments = [...this.#amounts.keys()].sort();
    // Columns belong to other instruments now.
    this.#book = null;
    return this.#instruments;
  }
}
