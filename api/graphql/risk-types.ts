import { METHOD_NAMES, METHODS } from '#quant/methods.ts';
import type {
  BacktestResult,
  RiskBacktest,
  RiskContribution,
  RiskMeasures,
  RiskTail,
  SectorExposure,
  ShockProfit,
} from '#schemas/generated/types.ts';
import type { RiskPoint } from '#sinks/postgres/read.ts';
import { builder, PortfolioType } from './types.ts';

const METHOD_LIST = METHOD_NAMES.join(', ');

const RiskTailType = builder.objectRef<RiskTail>('RiskTail').implement({
  description:
    'Value at risk and expected shortfall by one method, level and horizon; positive losses in base currency.',
  fields: (t) => ({
    method: t.exposeString('method', { description: METHOD_LIST }),
    description: t.string({
      nullable: true,
      description: 'What the method is: its quantile rule, its mean, how it goes to several days.',
      resolve: ({ method }) => (METHODS as Readonly<Record<string, string>>)[method] ?? null,
    }),
    confidence: t.exposeFloat('confidence', { description: 'Level, e.g. 0.99.' }),
    horizonDays: t.exposeInt('horizonDays', { description: 'Trading days ahead.' }),
    stressWindow: t.exposeString('stressWindow', {
      nullable: true,
      description: 'Days that the scenarios are from, first/last; null: the newest.',
    }),
    valueAtRisk: t.exposeFloat('valueAtRisk', {
      nullable: true,
      description: 'Null where there is none: see problem.',
    }),
    expectedShortfall: t.exposeFloat('expectedShortfall', { nullable: true, description: 'Null with valueAtRisk.' }),
    scenarios: t.exposeInt('scenarios', { description: 'Days of history that it was taken from.' }),
    sampling: t.exposeString('sampling', {
      nullable: true,
      description: 'full-cholesky, projected or bootstrap; null where nothing is drawn at random.',
    }),
    paths: t.exposeInt('paths', { description: 'Paths drawn; 0 where nothing is.' }),
    problem: t.exposeString('problem', {
      nullable: true,
      description: 'Why there is no figure: a code and a sentence.',
    }),
  }),
});

const ContributionType = builder.objectRef<RiskContribution>('RiskContribution').implement({
  description: 'What a position adds to historical VaR and ES, one day ahead. Components sum to the whole.',
  fields: (t) => ({
    instrument: t.exposeString('instrument', { description: 'Instrument id.' }),
    exposure: t.exposeFloat('exposure', { description: 'Market value; negative when short.' }),
    componentVar: t.exposeFloat('componentVar', { description: 'Its part of VaR; negative: it takes risk away.' }),
    componentEs: t.exposeFloat('componentEs', { description: 'Its part of ES.' }),
    marginalVar: t.exposeFloat('marginalVar', { description: 'Change of VaR for one more unit of currency of it.' }),
    incrementalVar: t.exposeFloat('incrementalVar', { description: 'VaR less VaR without the position.' }),
  }),
});

const SectorType = builder.objectRef<SectorExposure>('SectorExposure').implement({
  description: 'Exposure to a sector, base currency.',
  fields: (t) => ({
    sector: t.exposeString('sector', { description: 'Empty for instruments without one.' }),
    net: t.exposeFloat('net', { description: 'Sum of the market values, shorts negative.' }),
    gross: t.exposeFloat('gross', { description: 'Sum of the absolute market values.' }),
  }),
});

const ShockType = builder.objectRef<ShockProfit>('ShockProfit').implement({
  description: 'What a change of prices, or days of the past, would bring to the holdings.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'E.g. equities -20 %, Lehman 2008.' }),
    profit: t.exposeFloat('profit', {
      nullable: true,
      description: "Of today's holdings, negative is a loss; null where one has no history of that time.",
    }),
  }),
});

export const RiskMeasuresType = builder.objectRef<RiskMeasures>('RiskMeasures').implement({
  description: 'Risk of a portfolio as it stands. Amounts are in its base currency.',
  fields: (t) => ({
    portfolioId: t.id({ description: 'Portfolio id.', resolve: ({ portfolio }) => portfolio }),
    eventTime: t.expose('eventTime', {
      type: 'DateTime',
      description: 'Of exposures and historical VaR one day ahead.',
    }),
    detailTime: t.expose('detailTime', { type: 'DateTime', description: 'Of everything else.' }),
    equity: t.exposeFloat('equity', { nullable: true, description: 'Null before the first value.' }),
    longExposure: t.exposeFloat('longExposure', { description: 'Sum of the positive market values.' }),
    shortExposure: t.exposeFloat('shortExposure', {
      description: 'Sum of the negative market values, zero or less.',
    }),
    grossExposure: t.exposeFloat('grossExposure', { description: 'Sum of the absolute market values.' }),
    netExposure: t.exposeFloat('netExposure', { description: 'Sum of the market values, shorts negative.' }),
    leverage: t.exposeFloat('leverage', {
      nullable: true,
      description: 'Gross exposure over equity; null unless equity is positive.',
    }),
    openPositions: t.exposeInt('openPositions', { description: 'Positions that are not flat.' }),
    unpriced: t.exposeStringList('unpriced', {
      description: 'Open positions without a price: no figure while any is.',
    }),
    historyDate: t.exposeString('historyDate', { nullable: true, description: 'Newest day of the scenarios.' }),
    scenarios: t.exposeInt('scenarios', { description: 'Days of history common to all holdings.' }),
    shortestHistory: t.exposeString('shortestHistory', {
      nullable: true,
      description: 'The instrument whose history cuts the window.',
    }),
    measures: t.field({
      type: [RiskTailType],
      description: 'By method, level and horizon, the live ones first. Each argument keeps those that match.',
      args: { method: t.arg.string({ description: METHOD_LIST }), confidence: t.arg.float(), horizonDays: t.arg.int() },
      resolve: ({ measures }, { method, confidence, horizonDays }) =>
        measures.filter(
          (tail) =>
            (method == null || tail.method === method) &&
            (confidence == null || tail.confidence === confidence) &&
            (horizonDays == null || tail.horizonDays === horizonDays),
        ),
    }),
    volatility: t.exposeFloat('volatility', { nullable: true, description: 'Annualised, over equity.' }),
    benchmark: t.exposeString('benchmark', { description: 'Instrument that beta is against.' }),
    beta: t.exposeFloat('beta', { nullable: true, description: 'Over equity, against the benchmark.' }),
    averageCorrelation: t.exposeFloat('averageCorrelation', { nullable: true, description: 'Between the holdings.' }),
    shrinkage: t.exposeFloat('shrinkage', { nullable: true, description: 'Of the covariance, 0 to 1.' }),
    correlationInstruments: t.exposeStringList('correlationInstruments', {
      description: 'Holdings that move, in the order of correlations; empty with fewer than two or more than 50.',
    }),
    correlations: t.exposeFloatList('correlations', {
      description: 'Shrunk; of each of correlationInstruments with those after it.',
    }),
    liquidityDays: t.exposeFloat('liquidityDays', {
      nullable: true,
      description: 'Trading days to liquidate the slowest position at a fifth of what is traded of it.',
    }),
    liquidityInstrument: t.exposeString('liquidityInstrument', { nullable: true, description: 'That position.' }),
    herfindahl: t.exposeFloat('herfindahl', { description: 'Sum of squared shares of gross exposure, 0 to 1.' }),
    largestShare: t.exposeFloat('largestShare', { description: 'Of gross exposure, of the largest position.' }),
    topFiveShare: t.exposeFloat('topFiveShare', { description: 'Of gross exposure, of the five largest positions.' }),
    sectors: t.field({
      type: [SectorType],
      description: 'By gross exposure, largest first.',
      resolve: ({ sectors }) => [...sectors],
    }),
    contributionConfidence: t.exposeFloat('contributionConfidence', {
      nullable: true,
      description: 'Level of the contributions; null when there are none.',
    }),
    contributions: t.field({
      type: [ContributionType],
      description: 'By instrument.',
      resolve: ({ contributions }) => [...contributions],
    }),
    shocks: t.field({
      type: [ShockType],
      description: 'Scenario shocks, and days of the past.',
      resolve: ({ shocks }) => [...shocks],
    }),
  }),
});

builder.objectField(PortfolioType, 'risk', (t) =>
  t.field({
    type: RiskMeasuresType,
    nullable: true,
    description: 'As it stands; null while there is none.',
    resolve: ({ id }, _args, { views }) => views.risk.values(id).next().value ?? null,
  }),
);

export const RiskPointType = builder.objectRef<RiskPoint>('RiskPoint').implement({
  description: "VaR and ES one day ahead at a day's end.",
  fields: (t) => ({
    date: t.exposeString('date', { description: 'The day, YYYY-MM-DD, UTC.' }),
    eventTime: t.expose('eventTime', {
      type: 'DateTime',
      description: 'Of the record, which is made on the next day with trades.',
    }),
    valueAtRisk: t.exposeFloat('valueAtRisk', {
      nullable: true,
      description: 'A positive loss; null where the method had no figure.',
    }),
    expectedShortfall: t.exposeFloat('expectedShortfall', { nullable: true, description: 'Null with valueAtRisk.' }),
    equity: t.exposeFloat('equity', { nullable: true, description: 'Null before the first value.' }),
    grossExposure: t.exposeFloat('grossExposure', { description: 'Sum of the absolute market values.' }),
    netExposure: t.exposeFloat('netExposure', { description: 'Sum of the market values, shorts negative.' }),
  }),
});

const BacktestResultType = builder.objectRef<BacktestResult>('BacktestResult').implement({
  description: 'How one method at one level has done, up to and with a day.',
  fields: (t) => ({
    method: t.exposeString('method', { description: METHOD_LIST }),
    confidence: t.exposeFloat('confidence', { description: 'Level, e.g. 0.99.' }),
    valueAtRisk: t.exposeFloat('valueAtRisk', { description: 'Forecast the evening before.' }),
    expectedShortfall: t.exposeFloat('expectedShortfall', { description: 'Forecast with it.' }),
    exception: t.exposeBoolean('exception', { description: 'The loss was above VaR.' }),
    observations: t.exposeInt('observations', { description: 'Days judged to date.' }),
    exceptions: t.exposeInt('exceptions', { description: 'To date.' }),
    recentExceptions: t.exposeInt('recentExceptions', { description: 'Among the last 250 days.' }),
    zone: t.exposeString('zone', { nullable: true, description: 'GREEN, YELLOW or RED; null before 250 days.' }),
    multiplier: t.exposeFloat('multiplier', { nullable: true, description: "Basel's, 1.50 to 2.00; at 99 % alone." }),
    kupiecP: t.exposeFloat('kupiecP', { description: 'p-value: is the share of exceptions right?' }),
    independenceP: t.exposeFloat('independenceP', { nullable: true, description: 'p-value: no clusters?' }),
    coverageP: t.exposeFloat('coverageP', { nullable: true, description: 'p-value of both at once.' }),
    z1: t.exposeFloat('z1', { nullable: true, description: 'Acerbi and Székely, test 1: 0 expected.' }),
    z2: t.exposeFloat('z2', { description: 'Their test 2: 0 expected.' }),
  }),
});

export const RiskBacktestType = builder.objectRef<RiskBacktest>('RiskBacktest').implement({
  description: 'A day held against what was forecast for it.',
  fields: (t) => ({
    portfolioId: t.id({ description: 'Portfolio id.', resolve: ({ portfolio }) => portfolio }),
    date: t.exposeString('date', { description: 'The day that was judged, YYYY-MM-DD, UTC.' }),
    profit: t.exposeFloat('profit', { description: "What the day brought to the evening's holdings." }),
    results: t.field({
      type: [BacktestResultType],
      description: 'By method and level. Each argument keeps those that match.',
      args: { method: t.arg.string(), confidence: t.arg.float() },
      resolve: ({ results }, { method, confidence }) =>
        results.filter(
          (result) =>
            (method == null || result.method === method) && (confidence == null || result.confidence === confidence),
        ),
    }),
  }),
});
