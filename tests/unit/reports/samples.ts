import { METHOD_NAMES } from '#quant/methods.ts';
import type { Subject } from '#reports/model.ts';
import type { ReportSource } from '#reports/source.ts';
import type { BacktestResult, RiskBacktest, RiskMeasures, RiskTail } from '#schemas/generated/types.ts';
import type { DailyClose, PnlDay, RiskPoint } from '#sinks/postgres/read.ts';
import type { ExecutionRow } from '#sinks/postgres/read-reports.ts';

const DAY_MS = 86_400_000;
export const SUBJECT: Subject = {
  portfolio: { id: 'momentum', name: 'Momentum, monthly', currency: 'USD' },
  generatedAt: '2024-01-05T06:00:00.000Z',
};

/** Weekdays from a day on. */
export function weekdays(first: string, count: number): string[] {
  const found: string[] = [];
  for (let ms = Date.parse(first); found.length < count; ms += DAY_MS)
    if (new Date(ms).getUTCDay() % 6 !== 0) found.push(new Date(ms).toISOString().slice(0, 10));
  return found;
}

/** Small returns that go up and down, the same on every run. */
export const wave = (index: number): number => 0.012 * Math.sin(index * 1.7) + 0.006 * Math.cos(index * 0.31) + 0.0004;

export function pnlDays(dates: readonly string[], start = 1_000_000): PnlDay[] {
  let equity = start;
  return dates.map((date, index) => {
    const dayPnl = equity * wave(index);
    equity += dayPnl;
    return { date, equity, dayPnl };
  });
}

export function closes(dates: readonly string[]): DailyClose[] {
  let close = 4_000;
  return dates.map((date, index) => {
    close *= 1 + 0.7 * wave(index + 3);
    return { date, close };
  });
}

const tail = (more: Partial<RiskTail>): RiskTail => ({
  method: 'historical',
  confidence: 0.99,
  horizonDays: 1,
  stressWindow: null,
  valueAtRisk: 21_234.5,
  expectedShortfall: 28_345.25,
  scenarios: 500,
  sampling: null,
  paths: 0,
  problem: null,
  ...more,
});

export function riskMeasures(more: Partial<RiskMeasures> = {}): RiskMeasures {
  const tails = METHOD_NAMES.flatMap((method, index) =>
    [0.95, 0.975, 0.99].map((confidence) =>
      tail({ method, confidence, valueAtRisk: 15_000 + 1_000 * index + 9e4 * (confidence - 0.95) }),
    ),
  );
  const instruments = ['AAPL', 'AMD', 'BAC', 'BBY', 'CVX', 'GE', 'HD', 'JNJ', 'JPM', 'KO', 'LLY', 'MRK'];
  return {
    eventTime: Date.UTC(2024, 0, 5, 1) * 1000,
    portfolio: 'momentum',
    dayEnd: true,
    equity: 1_000_000,
    longExposure: 900_000,
    shortExposure: -100_000,
    grossExposure: 1_000_000,
    netExposure: 800_000,
    leverage: 1,
    openPositions: instruments.length,
    unpriced: [],
    historyDate: '2024-01-04',
    scenarios: 500,
    shortestHistory: null,
    measures: [
      ...tails,
      tail({
        horizonDays: 10,
        valueAtRisk: null,
        expectedShortfall: null,
        problem: 'HISTORY_TOO_SHORT: needs 500 days',
      }),
      tail({ stressWindow: '2007-07-02/2009-06-30', valueAtRisk: 61_000.5, expectedShortfall: 80_500.25 }),
    ],
    detailTime: Date.UTC(2024, 0, 5, 1) * 1000,
    volatility: 0.184,
    benchmark: 'SP500',
    beta: 0.93,
    averageCorrelation: 0.41,
    shrinkage: 0.1,
    liquidityDays: 1.5,
    liquidityInstrument: 'A',
    correlationInstruments: [],
    correlations: [],
    herfindahl: 0.1216,
    largestShare: 0.19,
    topFiveShare: 0.62,
    sectors: [
      { sector: 'Technology', net: 400_000, gross: 500_000 },
      { sector: '', net: 400_000, gross: 500_000 },
    ],
    contributionConfidence: 0.99,
    contributions: instruments.map((instrument, index) => ({
      instrument,
      exposure: (index % 4 === 3 ? -1 : 1) * (60_000 + 5_000 * index),
      componentVar: 3_600 - 520 * index,
      componentEs: 4_700 - 640 * index,
      marginalVar: 0.02 - 0.003 * index,
      incrementalVar: 3_300 - 500 * index,
    })),
    shocks: [
      { name: 'all prices -10 %', profit: -80_000 },
      { name: 'all prices +10 %', profit: 80_000 },
      { name: 'Technology -20 %', profit: -80_000 },
      { name: 'Black Monday 1987', profit: null },
      { name: 'Lehman 2008', profit: -38_417.22 },
    ],
    sourceTopic: 'portfolio.positions',
    sourceEventTime: Date.UTC(2024, 0, 5, 1) * 1000,
    ...more,
  };
}

/** Days judged, every 40th an exception of the historical method at 99 %. */
export function backtests(dates: readonly string[]): RiskBacktest[] {
  return dates.map((date, index) => {
    const isBad = index % 40 === 25;
    const result = (method: string, confidence: number): BacktestResult => ({
      method,
      confidence,
      valueAtRisk: 20_000 + 2_500 * Math.sin(index / 20) - 1e5 * (0.99 - confidence),
      expectedShortfall: 27_000,
      exception: isBad,
      observations: 1_000 + index,
      exceptions: 14 + Math.floor((index + 15) / 40),
      recentExceptions: 6,
      zone: 'YELLOW',
      multiplier: confidence === 0.99 ? 1.76 : null,
      kupiecP: 0.031,
      independenceP: 0.4,
      coverageP: 0.07,
      z1: -0.1,
      z2: -0.4,
    });
    return {
      eventTime: Date.parse(date) * 1000,
      portfolio: 'momentum',
      date,
      forecastDate: dates[index - 1] ?? date,
      profit: isBad ? -26_000 - 10 * index : 1e6 * wave(index) * 0.9,
      results: METHOD_NAMES.flatMap((method) => [result(method, 0.975), result(method, 0.99)]),
      sourceTopic: 'portfolio.positions',
      sourceEventTime: Date.parse(date) * 1000,
    };
  });
}

export function execution(index: number, more: Partial<ExecutionRow> = {}): ExecutionRow {
  const arrivalTime = (Date.UTC(2024, 0, 2, 14, 30) + index * 600_000) * 1000;
  const cost = (index % 7) - 2;
  return {
    eventTime: arrivalTime + 1_000_000,
    portfolio: 'momentum',
    orderId: `momentum-2024-01-02-${index}`,
    instrument: index % 2 === 0 ? 'AAPL' : 'MSFT',
    strategy: 'demo:momentum',
    orderType: 'MARKET_ON_CLOSE',
    side: index % 3 === 0 ? 'SELL' : 'BUY',
    status: 'FILLED',
    quantity: '100',
    filledQuantity: '100',
    fillRatio: 1,
    fills: 2,
    averagePrice: 100 + cost / 100,
    decisionPrice: 100,
    arrivalTime,
    arrivalPrice: 100,
    firstFillTime: arrivalTime + 500_000,
    lastFillTime: arrivalTime + 1_000_000,
    timeToFirstFillMicros: 500_000,
    timeToFullFillMicros: 1_000_000,
    vwap: 100,
    twap: 100,
    slippageArrivalBps: cost,
    slippageVwapBps: cost,
    slippageTwapBps: cost,
    multiplier: '1',
    endPrice: null,
    delayCost: 0,
    tradingCost: cost,
    opportunityCost: 0,
    fees: '1.5',
    shortfall: cost + 1.5,
    delayBps: 0,
    tradingBps: cost,
    opportunityBps: 0,
    feesBps: 1.5,
    shortfallBps: cost + 1.5,
    venues: [{ venue: 'XNAS', fills: 2, quantity: '100', averagePrice: 100 + cost / 100, slippageBps: cost }],
    revision: 1,
    sourceTopic: 'orders.fills',
    sourceEventTime: arrivalTime,
    currency: 'USD',
    ...more,
  };
}

export const riskPoints = (dates: readonly string[]): RiskPoint[] =>
  dates.map((date, index) => ({
    date,
    eventTime: Date.parse(date) * 1000,
    valueAtRisk: 20_000 + 4_000 * Math.sin(index / 25),
    expectedShortfall: 27_000 + 5_000 * Math.sin(index / 25),
    equity: 1_000_000,
    grossExposure: 1_000_000,
    netExposure: 800_000,
  }));

/** A store with a year of everything. */
export function sampleSource(
  more: Partial<ReportSource['reports']> = {},
  read: Partial<ReportSource['read']> = {},
): ReportSource {
  const dates = weekdays('2023-01-19', 250);
  return {
    read: {
      pnlDays: async () => pnlDays(dates),
      dailyCloses: async () => closes(['2023-01-18', ...dates]),
      riskHistory: async () => riskPoints(dates),
      ...read,
    },
    reports: {
      portfolios: async () => [SUBJECT.portfolio, { id: 'équité', name: 'équité', currency: null }],
      dayEnd: async () => riskMeasures(),
      backtests: async () => backtests(dates),
      executions: async () => Array.from({ length: 60 }, (_, index) => execution(index)),
      utilisation: async () => null,
      incidents: async () => null,
      ...more,
    },
  };
}
