import type { DailyReturn, LimitUtilisation, PortfolioPnl, RiskBreach } from '#schemas/generated/types.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { type BreachRecord, BreachSet, type LabelledRow, type MarketReturn } from './breach-set.ts';

/** Topics that rows of breach prediction are made of. */
export const FEATURE_TOPICS = ['market.returns', 'portfolio.pnl', 'risk.breaches', 'risk.utilisation'] as const;
export type FeatureTopic = (typeof FEATURE_TOPICS)[number];

/** Of one event time P&L comes first, and what the limit engine makes of it after it. */
const ORDER = { pnl: 0, utilisation: 1, breach: 2 } as const;
const DAY_MS = 86_400_000;

const timeOf = (record: BreachRecord) => (record.kind === 'utilisation' ? record.eventTime : record.value.eventTime);

/** What is kept of a figure: a record of it has evidence and text, and there may be millions. */
const slimPnl = ({ eventTime, portfolio, equity, dayPnl, drawdown, grossExposure }: PortfolioPnl) =>
  ({ eventTime, portfolio, equity, dayPnl, drawdown, grossExposure }) as PortfolioPnl;
const slimUtilisation = ({ eventTime, limitId, type, utilisation, value, threshold, state }: LimitUtilisation) =>
  ({ eventTime, limitId, type, utilisation, value, threshold, state }) as LimitUtilisation;
const slimBreach = ({ eventTime, portfolio, limitId, level }: RiskBreach) =>
  ({ eventTime, portfolio, limitId, level }) as RiskBreach;

/**
 * Gathers what topics have recorded, in any order of topics and partitions, each partition in its own order, and gives the rows as if it had come by
 * event time: the same records give the same rows.
 */
export class RecordedBreaches {
  /** Instrument whose returns are the market's. */
  readonly #market: string;
  readonly #records = new Map<string, BreachRecord[]>();
  readonly #returns = new Map<number, number>();
  readonly #refused = new Map<string, number>();

  constructor(market: string) {
    this.#market = market;
  }

  /** Sorted. */
  get portfolios(): string[] {
    return [...this.#records.keys()].sort();
  }
  get hasMarket(): boolean {
    return this.#returns.size > 0;
  }
  /** How many records were left out because of what they say, by the error's code. */
  get refused(): ReadonlyMap<string, number> {
    return this.#refused;
  }

  /** Takes a record as its topic has it; `timestampMs` is that of a tombstone. */
  add(topic: FeatureTopic, key: string, value: unknown, timestampMs: number): void {
    if (topic === 'market.returns') this.#return(value as DailyReturn | null);
    else if (topic === 'risk.utilisation') {
      const slash = key.indexOf('/');
      const utilisation = value === null ? null : slimUtilisation(value as LimitUtilisation);
      const eventTime = utilisation?.eventTime ?? timestampMs * 1000;
      const limitId = key.slice(slash + 1);
      this.#add(key.slice(0, slash), { kind: 'utilisation', limitId, value: utilisation, eventTime });
    } else if (value !== null && topic === 'portfolio.pnl')
      this.#add((value as PortfolioPnl).portfolio, { kind: 'pnl', value: slimPnl(value as PortfolioPnl) });
    else if (value !== null)
      this.#add((value as RiskBreach).portfolio, { kind: 'breach', value: slimBreach(value as RiskBreach) });
  }

  /** The rows of a portfolio, limit after limit, each by day; none of an unknown one. */
  rows(portfolio: string): LabelledRow[] {
    // The sort is stable: what was recorded first stays first.
    const records = [...(this.#records.get(portfolio) ?? [])].sort(
      (a, b) => timeOf(a) - timeOf(b) || ORDER[a.kind] - ORDER[b.kind],
    );
    const set = new BreachSet(this.#marketReturns());
    for (const record of records) {
      try {
        set.take(record);
      } catch (error) {
        if (!(error instanceof TidemarkError)) throw error;
        this.#refused.set(error.code, (this.#refused.get(error.code) ?? 0) + 1);
      }
    }
    return set.finish();
  }

  #add(portfolio: string, record: BreachRecord): void {
    const own = this.#records.get(portfolio);
    if (own) own.push(record);
    else this.#records.set(portfolio, [record]);
  }

  /** The newest word on a day counts. */
  #return(value: DailyReturn | null): void {
    if (value?.instrument === this.#market) this.#returns.set(Date.parse(value.date) / DAY_MS, value.simpleReturn);
  }
  #marketReturns(): MarketReturn[] {
    return [...this.#returns].map(([day, simpleReturn]) => ({ day, simpleReturn })).sort((a, b) => a.day - b.day);
  }
}
