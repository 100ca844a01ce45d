import type { ReadStore } from '#sinks/postgres/read.ts';
import { badArgument, checkRange } from './arguments.ts';
import type { InstrumentPnl, PortfolioDays } from './attributed-days.ts';
import type { BrinsonAttribution, PnlAttribution, SectorAttribution } from './attribution-figures.ts';
import { attributionOf, type Benchmark, type PortfolioAttribution } from './attribution-figures.ts';
import { FactorRegressionType, factorRegressionOf } from './factor-regression.ts';
import { builder } from './types.ts';

const DEFAULT_BENCHMARK = 'equal-weight';
const DEFAULT_CURRENCY = 'USD';
const MAX_FACTORS = 20;
const DAY_MICROS = 86_400_000_000;
const WEEK_MS = 7 * 86_400_000;

const PnlAttributionType = builder.objectRef<PnlAttribution>('PnlAttribution').implement({
  description: "P&L of all days in the portfolio's base currency. Parts are null where an exchange rate is missing.",
  fields: (t) => ({
    price: t.exposeFloat('price', {
      nullable: true,
      description: "Of each day what was held before, times the price's change.",
    }),
    dividends: t.exposeFloat('dividends', {
      nullable: true,
      description: 'Received, less those paid on short positions, on the days they came into effect.',
    }),
    fees: t.exposeFloat('fees', { nullable: true, description: 'Commission, negative.' }),
    trading: t.exposeFloat('trading', {
      nullable: true,
      description: "What was bought and sold, from the fills' prices to the day's last; corrections of fills.",
    }),
    other: t.exposeFloat('other', {
      nullable: true,
      description: 'The rest: what exchange rates did to holdings and cash in other currencies; else next to nothing.',
    }),
    pnl: t.exposeFloat('pnl', { description: 'Sum of the days’ P&L: change of the equity less deposits.' }),
  }),
});

const InstrumentPnlType = builder.objectRef<InstrumentPnl>('InstrumentPnlAttribution').implement({
  description: 'P&L of one instrument over all days, in its own currency.',
  fields: (t) => ({
    instrument: t.exposeString('instrument', { description: 'Instrument id.' }),
    sector: t.exposeString('sector', { description: '"No sector" where it has none.' }),
    currency: t.exposeString('currency', { description: 'ISO 4217 code of the amounts.' }),
    price: t.exposeFloat('price', { description: "What was held before each day, times the price's change." }),
    dividends: t.exposeFloat('dividends', { description: 'Received, less those paid on a short position.' }),
    fees: t.exposeFloat('fees', { description: 'Commission, negative.' }),
    trading: t.exposeFloat('trading', { description: "What was bought and sold, to the day's last price." }),
    pnl: t.exposeFloat('pnl', { description: 'Sum of the four.' }),
  }),
});

const SectorType = builder.objectRef<SectorAttribution>('BrinsonSector').implement({
  description: 'Effects of one sector on the active return, linked over all days.',
  fields: (t) => ({
    sector: t.exposeString('sector', { description: '"Cash" is what is not invested, negative with leverage.' }),
    portfolioWeight: t.exposeFloat('portfolioWeight', { description: 'Share of the equity, mean over the days.' }),
    benchmarkWeight: t.exposeFloat('benchmarkWeight', { description: 'The same of the benchmark.' }),
    allocation: t.exposeFloat('allocation', { description: 'Of holding more or less of the sector.' }),
    selection: t.exposeFloat('selection', { description: 'Of holding other things in it.' }),
    interaction: t.exposeFloat('interaction', { description: 'Of both at once.' }),
    total: t.exposeFloat('total', { description: 'Sum of the three.' }),
  }),
});

const BrinsonType = builder.objectRef<BrinsonAttribution>('BrinsonAttribution').implement({
  description:
    "Why the return differs from the benchmark portfolio's: Brinson and Fachler by sector and day, holdings at the day's beginning, linked as Cariño does. Allocation, selection, interaction and other sum to activeReturn.",
  fields: (t) => ({
    benchmarkPortfolioId: t.exposeID('benchmarkPortfolioId', { description: 'Portfolio it is held against.' }),
    from: t.exposeString('from', { description: 'First day, YYYY-MM-DD.' }),
    to: t.exposeString('to', { description: 'Last day, YYYY-MM-DD.' }),
    days: t.exposeInt('days', { description: 'Days that both began with equity.' }),
    portfolioReturn: t.exposeFloat('portfolioReturn', { description: 'Compounded, time-weighted: 0.5 is half more.' }),
    benchmarkReturn: t.exposeFloat('benchmarkReturn', { description: 'The same of the benchmark.' }),
    activeReturn: t.exposeFloat('activeReturn', { description: 'Their difference.' }),
    allocation: t.exposeFloat('allocation', { description: 'Of all sectors.' }),
    selection: t.exposeFloat('selection', { description: 'Of all sectors.' }),
    interaction: t.exposeFloat('interaction', { description: 'Of all sectors.' }),
    other: t.exposeFloat('other', {
      description: "What holdings do not explain: trading within days, fees, exchange rates, less the benchmark's.",
    }),
    sectors: t.field({
      type: [SectorType],
      description: 'By name; cash is the last.',
      resolve: ({ sectors }) => [...sectors],
    }),
  }),
});

const AttributionType = builder.objectRef<PortfolioAttribution>('Attribution').implement({
  description: 'Where the P&L came from. What is not known is null, and `problems` says why.',
  fields: (t) => ({
    from: t.exposeString('from', { nullable: true, description: 'First day, YYYY-MM-DD.' }),
    to: t.exposeString('to', { nullable: true, description: 'Last day, YYYY-MM-DD.' }),
    days: t.exposeInt('days', { description: 'Days with a value.' }),
    baseCurrency: t.exposeString('baseCurrency', { description: 'Of the total.' }),
    total: t.field({ type: PnlAttributionType, description: 'Of all instruments.', resolve: ({ total }) => total }),
    instruments: t.field({
      type: [InstrumentPnlType],
      description: 'The largest P&L, by size, first.',
      resolve: ({ instruments }) => [...instruments],
    }),
    brinson: t.field({
      type: BrinsonType,
      nullable: true,
      description: 'Against the benchmark portfolio; null where there is none.',
      resolve: ({ brinson }) => brinson,
    }),
    problems: t.exposeStringList('problems', { description: 'Why figures are null, or what they leave out.' }),
  }),
});

/** First day that begins at or after a time, YYYY-MM-DD; null: open. */
const firstDay = (micros: number | null | undefined) =>
  micros == null ? null : dateOf(Math.ceil(micros / DAY_MICROS));
const lastDay = (micros: number | null | undefined) =>
  micros == null ? null : dateOf(Math.floor(micros / DAY_MICROS));
const dateOf = (day: number) => new Date((day * DAY_MICROS) / 1000).toISOString().slice(0, 10);
const weekBefore = (date: string) => new Date(Date.parse(date) - WEEK_MS).toISOString().slice(0, 10);

type Range = readonly [from: number | null, to: number | null];

async function loadDays(store: ReadStore, portfolioId: string, [from, to]: Range): Promise<PortfolioDays> {
  const [first, last] = [firstDay(from), lastDay(to)];
  const latest = await store.latestPnl(portfolioId);
  // Values before positions: while days go by, a value whose positions are not read yet would seem to come from nowhere.
  const pnlDays = await store.pnlDays(portfolioId, from, to);
  const positionDays = await store.positionDays(portfolioId, first, last);
  const baseCurrency = latest?.baseCurrency ?? DEFAULT_CURRENCY;
  const isForeign = positionDays.some(({ currency }) => currency !== baseCurrency);
  // From a week before, so that the first day has a rate to begin with.
  const rates = isForeign ? await store.currencyRates(portfolioId, first && weekBefore(first), last) : [];
  const splits = await store.splits(portfolioId);
  return { pnlDays, positionDays, rates, splits, baseCurrency };
}

/** What the portfolio is held against, or why there is nothing. */
async function loadBenchmark(
  store: ReadStore,
  portfolioId: string,
  asked: string | null | undefined,
  range: Range,
): Promise<Benchmark | string> {
  const benchmark = asked ?? DEFAULT_BENCHMARK;
  if (benchmark === portfolioId) return `${portfolioId} is itself the benchmark: name another portfolio`;
  if (!(await store.portfolios()).some(({ id }) => id === benchmark))
    return `there is no portfolio ${benchmark} to hold it against: name one`;
  return { portfolioId: benchmark, ...(await loadDays(store, benchmark, range)) };
}

const RANGE = {
  from: 'Days that begin then or later; open when not given.',
  to: 'Days that begin then or before; open when not given.',
} as const;

builder.queryFields((t) => ({
  attribution: t.field({
    type: AttributionType,
    args: {
      portfolioId: t.arg.id({ required: true }),
      benchmarkPortfolioId: t.arg.id({ description: `Another portfolio; ${DEFAULT_BENCHMARK} when not given.` }),
      from: t.arg({ type: 'DateTime', description: RANGE.from }),
      to: t.arg({ type: 'DateTime', description: RANGE.to }),
    },
    description:
      'P&L by price, dividends, fees and trading, and effects of sectors against a benchmark portfolio, by UTC days.',
    resolve: async (_root, { portfolioId, benchmarkPortfolioId, from, to }, { store }) => {
      checkRange(from, to);
      const range = [from ?? null, to ?? null] as const;
      const [portfolio, benchmark, instruments] = await Promise.all([
        loadDays(store, portfolioId, range),
        loadBenchmark(store, portfolioId, benchmarkPortfolioId, range),
        store.instruments(),
      ]);
      return attributionOf(portfolio, benchmark, instruments, firstDay(from));
    },
  }),
  factorRegression: t.field({
    type: FactorRegressionType,
    args: {
      portfolioId: t.arg.id({ required: true }),
      from: t.arg({ type: 'DateTime', description: RANGE.from }),
      to: t.arg({ type: 'DateTime', description: RANGE.to }),
      factors: t.arg.stringList({
        description: `Instruments with daily bars, at most ${MAX_FACTORS}; those of class FACTOR when not given.`,
      }),
      hac: t.arg.boolean({ defaultValue: true, description: 'Newey-West errors; false: classical ones.' }),
    },
    description: 'Least squares of the daily returns of a portfolio on those of factors.',
    resolve: async (_root, { portfolioId, from, to, factors, hac }, { store }) => {
      checkRange(from, to);
      const named =
        factors ??
        (await store.instruments()).filter((row) => row.assetClass === 'FACTOR').map((row) => row.instrument);
      if (named.length > MAX_FACTORS) throw badArgument(`at most ${MAX_FACTORS} factors, not ${named.length}`);
      const days = await store.pnlDays(portfolioId, from ?? null, to ?? null);
      const start = days[0] ? weekBefore(days[0].date) : null;
      const closes = await Promise.all(
        named.map(async (factor) => ({ factor, closes: await store.dailyCloses(factor, start) })),
      );
      return factorRegressionOf(days, closes, hac ?? true);
    },
  }),
}));
