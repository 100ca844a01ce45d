import { positionProblem } from '#schemas/checks.ts';
import { decimalToNumber } from '#schemas/decimal.ts';
import { DEFAULT_CURRENCY } from '#schemas/fx.ts';
import type { Portfolio, PortfolioPnl, Position, RiskMeasures } from '#schemas/generated/types.ts';
import type { GlobalTable, KeyValueStore, Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';
import { dayOf } from '../kit/days.ts';
import { Histories } from '../kit/histories.ts';
import { type Closing, type Closings, measurable } from './closings.ts';
import { type Currencies, currenciesOf, rateOf } from './currencies.ts';
import { Describer } from './describer.ts';
import { PortfolioRisk } from './portfolio-risk.ts';
import type { RiskSettings } from './settings.ts';
import { pnlProblem } from './validate.ts';

/** Names of the topics it tells apart and names as the cause of its outputs. */
export interface RiskTopics {
  readonly positions: string;
  readonly pnl: string;
}
/** What is stored of an open position, in its instrument's currency; null amount: it has no mark. */
export interface StoredExposure {
  readonly amount: number | null;
  readonly currency: string;
}
/** A portfolio as it is being changed. */
interface Live {
  readonly risk: PortfolioRisk;
  /** The holdings of days that are over, one after the other. */
  readonly closed: PortfolioRisk;
  /** By instrument. */
  readonly held: Map<string, StoredExposure>;
  currencies: Currencies;
  eventTime: number;
  equity: number | null;
  sourceTopic: string;
  sourceEventTime: number;
  closings: readonly Closing[];
  /** Its newest record that is no day's end; null before the first. */
  latest: RiskMeasures | null;
}

/**
 * By portfolio: keeps what is held, and says before each commit what the risk of every portfolio that changed is. When a new UTC day begins
 * it says once more what was held at the end of the last (`dayEnd`), as soon as that day's returns are known; ahead of the portfolio's
 * next record, so that the newest record always is of the present.
 *
 * Figures depend on the exposures and on what was known at the beginning of the day alone (scenario-book.ts, histories.ts), and so not on
 * the order of ticks between commits. Portfolios in memory are an index of the stores, made at the first record: an abort makes a new
 * processor.
 */
export class Measurer implements Processor<Position | PortfolioPnl | null> {
  readonly #context: ProcessorContext;
  readonly #topics: RiskTopics;
  readonly #settings: RiskSettings;
  readonly #exposures: KeyValueStore<StoredExposure>;
  readonly #currencies: KeyValueStore<Currencies>;
  readonly #descriptions: GlobalTable<Portfolio>;
  readonly #closings: KeyValueStore<Closings>;
  readonly #latest: KeyValueStore<RiskMeasures>;
  readonly #histories: Histories;
  readonly #describer: Describer;
  readonly #dirty = new Set<Live>();
  #portfolios: Map<string, Live> | null = null;

  constructor(context: ProcessorContext, topics: RiskTopics, settings: RiskSettings) {
    this.#context = context;
    this.#topics = topics;
    this.#settings = settings;
    this.#exposures = context.store('exposures');
    this.#currencies = context.store('currencies');
    this.#descriptions = context.global('portfolios');
    this.#closings = context.store('closings');
    this.#latest = context.store('latest');
    this.#histories = new Histories(context.global('returns'), settings.window);
    this.#describer = new Describer(this.#histories, context.global('instruments'), settings);
  }

  process({ key, value, source }: StreamRecord<Position | PortfolioPnl | null>): void {
    const isPnl = source.topic === this.#topics.pnl;
    const problem = isPnl
      ? pnlProblem(key, value as PortfolioPnl | null)
      : positionProblem(key, value as Position | null);
    if (problem) {
      this.#context.reject(problem.code, problem.reason);
      return;
    }
    const { portfolio, eventTime } = value!;
    const live = this.#live(portfolio);
    if (live.eventTime >= 0 && dayOf(eventTime) > dayOf(live.eventTime)) this.#close(live);
    if (isPnl) this.#value(live, value as PortfolioPnl);
    else this.#hold(live, key!, value as Position);
    live.eventTime = Math.max(live.eventTime, eventTime);
    live.sourceTopic = source.topic;
    live.sourceEventTime = eventTime;
    this.#dirty.add(live);
  }

  beforeCommit(): void {
    for (const live of this.#dirty) {
      this.#measureClosings(live);
      live.risk.foreign = foreignOf(live);
      const { risk, eventTime, equity, sourceTopic, sourceEventTime } = live;
      const moment = { eventTime, day: dayOf(eventTime), dayEnd: false, equity, sourceTopic, sourceEventTime };
      live.latest = this.#describer.describe(risk, moment, live.latest);
      this.#latest.put(risk.portfolio, live.latest);
      this.#publish(live.latest);
    }
    this.#dirty.clear();
  }

  #value(live: Live, pnl: PortfolioPnl): void {
    live.equity = pnl.equity;
    const currencies = currenciesOf(pnl, live.currencies);
    if (currencies === live.currencies) return;
    live.currencies = currencies;
    this.#currencies.put(live.risk.portfolio, currencies);
    for (const [instrument, exposure] of live.held) live.risk.hold(instrument, inBase(exposure, currencies));
  }

  #hold({ risk, held, currencies }: Live, key: string, position: Position): void {
    const { instrument, quantity, multiplier, markPrice, currency } = position;
    if (quantity === 0n) {
      this.#exposures.delete(key);
      held.delete(instrument);
      risk.hold(instrument, null);
      return;
    }
    const amount = markPrice === null ? null : decimalToNumber(quantity) * decimalToNumber(multiplier) * markPrice;
    const exposure = { amount, currency };
    this.#exposures.put(key, exposure);
    held.set(instrument, exposure);
    risk.hold(instrument, inBase(exposure, currencies));
  }

  /** The portfolio's day is over. */
  #close(live: Live): void {
    const { risk, eventTime, equity, sourceTopic, sourceEventTime } = live;
    const { instruments, amounts } = risk.exposures();
    const foreign = foreignOf(live);
    const held = { instruments, amounts: [...amounts], foreign };
    const closing = { day: dayOf(eventTime), equity, ...held, sourceTopic, sourceEventTime };
    this.#keep(live, [...live.closings, closing]);
    this.#measureClosings(live);
  }

  #measureClosings(live: Live): void {
    const today = Math.max(dayOf(live.eventTime), (live.closings.at(-1)?.day ?? -1) + 1);
    const count = measurable(live.closings, this.#histories, today);
    if (count === 0) return;
    for (const { day, instruments, amounts, foreign, ...said } of live.closings.slice(0, count)) {
      live.closed.holdOnly(instruments, amounts);
      live.closed.foreign = foreign;
      const moment = { ...said, eventTime: live.eventTime, day: day + 1, dayEnd: true };
      this.#publish(this.#describer.describe(live.closed, moment, null));
    }
    this.#keep(live, live.closings.slice(count));
  }

  #keep(live: Live, closings: readonly Closing[]): void {
    live.closings = closings;
    this.#closings.put(live.risk.portfolio, { closings });
  }

  #publish(measures: RiskMeasures): void {
    this.#context.emit(measures.portfolio, measures, Math.floor(measures.eventTime / 1000));
  }

  #live(portfolio: string): Live {
    this.#portfolios ??= this.#index();
    let live = this.#portfolios.get(portfolio);
    if (!live) {
      live = this.#makeLive(portfolio, null);
      this.#portfolios.set(portfolio, live);
    }
    return live;
  }

  #index(): Map<string, Live> {
    const portfolios = new Map<string, Live>();
    for (const [portfolio, latest] of this.#latest.entries())
      portfolios.set(portfolio, this.#makeLive(portfolio, latest));
    for (const [key, exposure] of this.#exposures.entries()) {
      const slash = key.indexOf('/');
      const instrument = key.slice(slash + 1);
      // Both stores are written before every commit, so who holds something is known.
      const live = portfolios.get(key.slice(0, slash))!;
      live.held.set(instrument, exposure);
      live.risk.hold(instrument, inBase(exposure, live.currencies));
    }
    return portfolios;
  }

  #makeLive(portfolio: string, latest: RiskMeasures | null): Live {
    return {
      risk: new PortfolioRisk(portfolio, this.#settings),
      closed: new PortfolioRisk(portfolio, this.#settings),
      held: new Map(),
      currencies: this.#currencies.get(portfolio) ?? this.#described(portfolio),
      eventTime: latest?.eventTime ?? -1,
      equity: latest?.equity ?? null,
      sourceTopic: latest?.sourceTopic ?? '',
      sourceEventTime: latest?.sourceEventTime ?? 0,
      closings: this.#closings.get(portfolio)?.closings ?? [],
      latest,
    };
  }

  #described(portfolio: string): Currencies {
    return { baseCurrency: this.#descriptions.get(portfolio)?.baseCurrency ?? DEFAULT_CURRENCY, others: [] };
  }
}

/** NaN without a mark or a rate. */
const inBase = ({ amount, currency }: StoredExposure, currencies: Currencies): number =>
  amount === null ? Number.NaN : amount * rateOf(currencies, currency);

/** Other currencies than the base currency that anything is in, by code. */
function foreignOf({ held, currencies: { baseCurrency, others } }: Live): string[] {
  const foreign = new Set<string>();
  for (const { currency } of held.values()) if (currency !== baseCurrency) foreign.add(currency);
  for (const { currency, hasCash } of others) if (hasCash) foreign.add(currency);
  return [...foreign].sort();
}
