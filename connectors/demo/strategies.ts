/** Daily closes since the replay began, by instrument: one number a day, NaN on a day without a trade. */
export interface ClosingPrices {
  /** Trading dates, ISO 8601, oldest first. */
  readonly dates: readonly string[];
  readonly of: (instrument: string) => readonly number[];
}

/** What a demo portfolio wants to hold. Pure: it sees closes up to today and nothing else. */
export interface Strategy {
  readonly portfolio: string;
  readonly name: string;
  readonly description: string;
  /** Weights by instrument, summing to 1 at most, that it wants from today's decision on; null: leave everything as it is. */
  targets(prices: ClosingPrices): ReadonlyMap<string, number> | null;
}

/** The stocks of the replayed history; its indices and factor series cannot be traded. */
export const UNIVERSE = [
  ['AAPL', 'AMD', 'BAC', 'BBY', 'CVX', 'GE', 'HD', 'JNJ', 'JPM', 'KO'],
  ['LLY', 'MRK', 'MSFT', 'PEP', 'PFE', 'PG', 'RRC', 'UNH', 'WMT', 'XOM'],
].flat();

/** Trading days in a year and in a month. */
const YEAR = 252;
const MONTH = 21;
const MOMENTUM_HOLDINGS = 5;
/** A chip maker and a bank: bought in 1990, the pair loses 94 % from March 2006 to March 2009 (AMD's slump, then the bank crisis). */
const CONCENTRATED = ['AMD', 'BAC'];

const equally = (instruments: readonly string[]) => new Map(instruments.map((name) => [name, 1 / instruments.length]));

/** True on the first day of the replay and on the first trading day of each month. */
function startsMonth({ dates }: ClosingPrices): boolean {
  const [before, today] = [dates.at(-2), dates.at(-1)];
  return before?.slice(0, 7) !== today?.slice(0, 7);
}

const equalWeight: Strategy = {
  portfolio: 'equal-weight',
  name: 'Equal weight, monthly',
  description: 'All twenty stocks in equal parts, rebalanced on the first trading day of each month.',
  targets: (prices) => (startsMonth(prices) ? equally(UNIVERSE) : null),
};

/**
 * Jegadeesh and Titman's momentum (1993) as practised since: the return of the twelve months before the last one, because the
 * last month tends to reverse.
 */
const momentum: Strategy = {
  portfolio: 'momentum',
  name: 'Momentum 12–1, monthly',
  description: 'The five stocks with the best return from twelve months ago to one month ago, in equal parts, monthly.',
  targets: (prices) => {
    const today = prices.dates.length - 1;
    if (today < YEAR || !startsMonth(prices)) return null;
    const ranked = UNIVERSE.map((instrument) => {
      const closes = prices.of(instrument);
      return { instrument, past: closes[today - MONTH]! / closes[today - YEAR]! };
    }).filter(({ past }) => Number.isFinite(past));
    // Equal returns rank by name: the sort is stable and the universe alphabetical.
    ranked.sort((a, b) => b.past - a.past);
    return equally(ranked.slice(0, MOMENTUM_HOLDINGS).map(({ instrument }) => instrument));
  },
};

const concentrated: Strategy = {
  portfolio: 'concentrated',
  name: 'Concentrated, buy and hold',
  description: 'Half AMD, half Bank of America, bought on the first day and held through everything.',
  targets: ({ dates }) => (dates.length === 1 ? equally(CONCENTRATED) : null),
};

export const STRATEGIES: readonly Strategy[] = [equalWeight, momentum, concentrated];
