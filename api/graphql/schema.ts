import type { GraphQLSchema } from 'graphql';
import { METHOD_NAMES } from '#quant/methods.ts';
import { DEFAULT_HISTORY_POINTS, MAX_HISTORY_POINTS } from '#sinks/postgres/read.ts';
import { badArgument, CONFLATE, checkConflate, checkRange, requireLoaded } from './arguments.ts';
import { PerformanceType, performanceOf } from './performance.ts';
import { RiskBacktestType, RiskMeasuresType, RiskPointType } from './risk-types.ts';
import {
  builder,
  type GraphqlContext,
  PnlPointType,
  PnlType,
  type PortfolioSource,
  PortfolioType,
  PositionType,
  TradeType,
} from './types.ts';
import './attribution.ts';
import './control.ts';
import './corporate-actions.ts';
import './indicators.ts';
import './models.ts';
import './order-book.ts';
import './predictions.ts';
import './regimes.ts';
import './response.ts';

const MAX_INSTRUMENTS = 1_000;
const DEFAULT_BENCHMARK = 'SP500';
const WEEK_MS = 7 * 86_400_000;
/** Each has a result for every method and level. */
const MAX_BACKTEST_DAYS = 1_000;

function checkPoints(points: number): number {
  if (points < 1 || points > MAX_HISTORY_POINTS)
    throw badArgument(`maxPoints must be from 1 to ${MAX_HISTORY_POINTS}, not ${points}`);
  return points;
}

/** Portfolios of the store, and those that the topics know before the store does. */
async function knownPortfolios({ store, views }: GraphqlContext): Promise<PortfolioSource[]> {
  const known = new Map<string, PortfolioSource>();
  for (const portfolio of await store.portfolios()) known.set(portfolio.id, portfolio);
  for (const id of [...views.pnl.groups(), ...views.positions.groups()]) {
    if (!known.has(id)) known.set(id, { id, name: id });
  }
  return [...known.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

builder.queryType({
  fields: (t) => ({
    portfolios: t.field({
      type: [PortfolioType],
      description: 'Every portfolio, by id.',
      resolve: (_root, _args, context) => {
        requireLoaded(context);
        return knownPortfolios(context);
      },
    }),
    portfolio: t.field({
      type: PortfolioType,
      nullable: true,
      args: { id: t.arg.id({ required: true }) },
      description: 'Null when nobody knows the id.',
      resolve: async (_root, { id }, context) => {
        requireLoaded(context);
        return (await knownPortfolios(context)).find((portfolio) => portfolio.id === id) ?? null;
      },
    }),
    pnlHistory: t.field({
      type: [PnlPointType],
      description:
        'Values at the end of each event time, oldest first. When there are more than maxPoints, lows, highs and last values of equal time buckets stay.',
      args: {
        portfolioId: t.arg.id({ required: true }),
        from: t.arg({ type: 'DateTime', description: 'Inclusive; open when not given.' }),
        to: t.arg({ type: 'DateTime', description: 'Inclusive; open when not given.' }),
        maxPoints: t.arg.int({
          defaultValue: DEFAULT_HISTORY_POINTS,
          description: `1 to ${MAX_HISTORY_POINTS}.`,
        }),
      },
      resolve: (_root, { portfolioId, from, to, maxPoints }, { store }) => {
        const points = checkPoints(maxPoints ?? DEFAULT_HISTORY_POINTS);
        checkRange(from, to);
        return store.pnlHistory(portfolioId, from ?? null, to ?? null, points);
      },
    }),
    performance: t.field({
      type: PerformanceType,
      args: {
        portfolioId: t.arg.id({ required: true }),
        from: t.arg({ type: 'DateTime', description: 'Days that begin then or later; open when not given.' }),
        to: t.arg({ type: 'DateTime', description: 'Days that begin then or before; open when not given.' }),
        benchmark: t.arg.string({ defaultValue: DEFAULT_BENCHMARK, description: 'Instrument with daily bars.' }),
      },
      description: 'Return, risk-adjusted ratios and drawdowns of a portfolio from the ends of its UTC days.',
      resolve: async (_root, { portfolioId, from, to, benchmark }, { store }) => {
        checkRange(from, to);
        const market = benchmark ?? DEFAULT_BENCHMARK;
        const days = await store.pnlDays(portfolioId, from ?? null, to ?? null);
        // From a week before, so that the first day has a close to come from.
        const start = days[0] ? Date.parse(days[0].date) - WEEK_MS : 0;
        const closes = await store.dailyCloses(market, new Date(start).toISOString().slice(0, 10));
        return performanceOf(days, market, closes);
      },
    }),
    riskMeasures: t.field({
      type: RiskMeasuresType,
      nullable: true,
      args: { portfolioId: t.arg.id({ required: true }) },
      description: 'Risk of a portfolio as it stands; null while there is none, or when nobody knows the id.',
      resolve: (_root, { portfolioId }, context) => {
        requireLoaded(context);
        return context.views.risk.values(portfolioId).next().value ?? null;
      },
    }),
    riskHistory: t.field({
      type: [RiskPointType],
      args: {
        portfolioId: t.arg.id({ required: true }),
        method: t.arg.string({ defaultValue: 'historical', description: METHOD_NAMES.join(', ') }),
        confidence: t.arg.float({ defaultValue: 0.99, description: 'Level, between 0 and 1.' }),
        from: t.arg({ type: 'DateTime', description: 'Days that begin then or later; open when not given.' }),
        to: t.arg({ type: 'DateTime', description: 'Days that begin then or before; open when not given.' }),
        maxPoints: t.arg.int({ defaultValue: MAX_HISTORY_POINTS, description: `1 to ${MAX_HISTORY_POINTS}.` }),
      },
      description:
        "VaR and ES one day ahead at each day's end, oldest first. When there are more than maxPoints, the newest day stays and, of equal runs of days, the one with the largest VaR.",
      resolve: (_root, { portfolioId, method, confidence, from, to, maxPoints }, { store }) => {
        const name = method ?? 'historical';
        if (!(METHOD_NAMES as readonly string[]).includes(name))
          throw badArgument(`method must be one of ${METHOD_NAMES.join(', ')}, not "${name}"`);
        const level = confidence ?? 0.99;
        if (!(level > 0 && level < 1)) throw badArgument(`confidence must be between 0 and 1, e.g. 0.99, not ${level}`);
        checkRange(from, to);
        const points = checkPoints(maxPoints ?? MAX_HISTORY_POINTS);
        return store.riskHistory(portfolioId, name, level, from ?? null, to ?? null, points);
      },
    }),
    riskBacktests: t.field({
      type: [RiskBacktestType],
      args: {
        portfolioId: t.arg.id({ required: true }),
        last: t.arg.int({ defaultValue: 1, description: `Days, 1 to ${MAX_BACKTEST_DAYS}.` }),
      },
      description: 'The newest days held against their forecasts, oldest first.',
      resolve: (_root, { portfolioId, last }, { store }) => {
        const days = last ?? 1;
        if (days < 1 || days > MAX_BACKTEST_DAYS)
          throw badArgument(`last must be from 1 to ${MAX_BACKTEST_DAYS}, not ${days}`);
        return store.riskBacktests(portfolioId, days);
      },
    }),
  }),
});

builder.subscriptionType({
  description:
    'Each subscription starts with the newest value per key. A subscriber that reads slower than values come gets the newest value per key; what it missed is counted in tidemark_live_conflated_total.',
  fields: (t) => ({
    portfolioPnl: t.field({
      type: PnlType,
      description: 'The value of one portfolio, or of all when portfolioId is null.',
      args: {
        portfolioId: t.arg.id(),
        conflateMs: t.arg.int({ defaultValue: 0, description: CONFLATE }),
      },
      subscribe: (_root, { portfolioId, conflateMs }, context) => {
        requireLoaded(context);
        return context.views.pnl.subscribe(portfolioId == null ? null : [portfolioId], checkConflate(conflateMs));
      },
      resolve: (value) => value,
    }),
    portfolioPositions: t.field({
      type: PositionType,
      description: 'The positions of one portfolio, one message a changed position.',
      args: {
        portfolioId: t.arg.id({ required: true }),
        conflateMs: t.arg.int({ defaultValue: 0, description: CONFLATE }),
      },
      subscribe: (_root, { portfolioId, conflateMs }, context) => {
        requireLoaded(context);
        return context.views.positions.subscribe([portfolioId], checkConflate(conflateMs));
      },
      resolve: (value) => value,
    }),
    riskMeasures: t.field({
      type: RiskMeasuresType,
      description: 'The risk of one portfolio, or of all when portfolioId is null.',
      args: {
        portfolioId: t.arg.id(),
        conflateMs: t.arg.int({ defaultValue: 0, description: CONFLATE }),
      },
      subscribe: (_root, { portfolioId, conflateMs }, context) => {
        requireLoaded(context);
        return context.views.risk.subscribe(portfolioId == null ? null : [portfolioId], checkConflate(conflateMs));
      },
      resolve: (value) => value,
    }),
    trades: t.field({
      type: TradeType,
      description: 'Trades of some instruments, or of all when instruments is null.',
      args: {
        instruments: t.arg.stringList(),
        conflateMs: t.arg.int({ defaultValue: 0, description: CONFLATE }),
      },
      subscribe: (_root, { instruments, conflateMs }, context) => {
        requireLoaded(context);
        if (instruments && instruments.length > MAX_INSTRUMENTS)
          throw badArgument(`At most ${MAX_INSTRUMENTS} instruments may be named; null means all`);
        return context.views.trades.subscribe(instruments ?? null, checkConflate(conflateMs));
      },
      resolve: (value) => value,
    }),
  }),
});

export const schema: GraphQLSchema = builder.toSchema();
