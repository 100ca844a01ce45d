import type { RiskBacktest, RiskMeasures, RiskTail } from '#schemas/generated/types.ts';

/** What a table writer must not break: quotes, backslashes, tabs, line ends, brackets, another script. */
export const AWKWARD = `O'Hara "x" \\ back\tslash\nend [1], (2) ünï`;

const tail = (more: Partial<RiskTail> = {}): RiskTail => ({
  method: 'historical',
  confidence: 0.99,
  horizonDays: 1,
  stressWindow: null,
  valueAtRisk: 1234.5,
  expectedShortfall: 2345.25,
  scenarios: 500,
  sampling: null,
  paths: 0,
  problem: null,
  ...more,
});

/** A record of risk.measures with all its lists filled, nulls and awkward texts among them. */
export const riskMeasures = (portfolio: string, eventTime: number, more: Partial<RiskMeasures> = {}): RiskMeasures => ({
  eventTime,
  portfolio,
  dayEnd: false,
  equity: 1_000_000,
  longExposure: 900_000,
  shortExposure: -100_000,
  grossExposure: 1_000_000,
  netExposure: 800_000,
  leverage: 1,
  openPositions: 2,
  unpriced: ['A', AWKWARD],
  historyDate: '2008-09-12',
  scenarios: 500,
  shortestHistory: null,
  measures: [
    tail(),
    tail({ horizonDays: 10, valueAtRisk: null, expectedShortfall: null, problem: AWKWARD }),
    tail({ method: 'monte-carlo', sampling: 'full-cholesky', paths: 4_000, stressWindow: '2007-07-02/2009-06-30' }),
  ],
  detailTime: eventTime,
  volatility: 0.2,
  benchmark: 'SP500',
  beta: null,
  averageCorrelation: 0.5,
  shrinkage: 0.1,
  liquidityDays: 1.5,
  liquidityInstrument: 'A',
  correlationInstruments: ['A', 'B'],
  correlations: [0.5],
  herfindahl: 0.82,
  largestShare: 0.9,
  topFiveShare: 1,
  sectors: [{ sector: '', net: 800_000, gross: 1_000_000 }],
  contributionConfidence: null,
  contributions: [],
  shocks: [
    { name: 'all prices -10 %', profit: -80_000 },
    { name: 'Lehman 2008', profit: null },
  ],
  sourceTopic: 'portfolio.positions',
  sourceEventTime: eventTime,
  ...more,
});

/** A day judged, with one result that has every figure and one that has few. */
export const riskBacktest = (portfolio: string, eventTime: number, date: string): RiskBacktest => {
  const result = {
    method: 'historical',
    confidence: 0.99,
    valueAtRisk: 1234.5,
    expectedShortfall: 2345.25,
    exception: true,
    observations: 300,
    exceptions: 9,
    recentExceptions: 7,
    zone: 'YELLOW',
    multiplier: 1.83,
    kupiecP: 0.01,
    independenceP: 0.2,
    coverageP: 0.03,
    z1: -0.1,
    z2: -0.8,
  };
  const first = { zone: null, multiplier: null, independenceP: null, coverageP: null, z1: null };
  return {
    eventTime,
    portfolio,
    date,
    forecastDate: '2008-09-12',
    profit: -3_000.125,
    results: [result, { ...result, ...first, method: 'ewma', exception: false }],
    sourceTopic: 'portfolio.positions',
    sourceEventTime: eventTime,
  };
};
