import { describe, expect, it } from 'vitest';
import { drawdowns } from '#quant/drawdown.ts';
import { bestExecution } from '#reports/best-execution.ts';
import { buildReport, type CheckedRequest, checkRequest, KIND_NAMES } from '#reports/build.ts';
import { dailyRisk } from '#reports/daily-risk.ts';
import { limits } from '#reports/limits.ts';
import { marketRiskBacktest } from '#reports/market-risk-backtest.ts';
import { type Cell, checkReport, hasData, type Report } from '#reports/model.ts';
import { performance } from '#reports/performance.ts';
import type { RiskBreach } from '#schemas/generated/types.ts';
import {
  backtests,
  closes,
  execution,
  pnlDays,
  riskMeasures,
  riskPoints,
  SUBJECT,
  sampleSource,
  weekdays,
} from './samples.ts';

const OPEN = { from: null, to: null };
const section = (report: Report, name: string) => report.sections.find((found) => found.name === name)!;
const figuresOf = (report: Report): Record<string, Cell> => {
  const found = section(report, 'key-figures');
  return Object.fromEntries(found.kind === 'figures' ? found.figures.map(({ name, value }) => [name, value]) : []);
};
const noteOf = (report: Report, name: string) => {
  const found = section(report, 'key-figures');
  return found.kind === 'figures' ? found.figures.find((figure) => figure.name === name)?.note : undefined;
};
const rowsOf = (report: Report, name: string) => {
  const found = section(report, name);
  return found.kind === 'table' ? found.rows : [];
};

describe('a report of daily risk', () => {
  const data = {
    asked: null,
    risk: riskMeasures(),
    newestBefore: null,
    history: riskPoints(weekdays('2023-01-19', 250)),
    pnl: { date: '2024-01-04', equity: 1_000_000, dayPnl: -1_234.5 },
    backtest: backtests(weekdays('2024-01-04', 1))[0]!,
  };

  it('says what stands in risk.measures, and each part as a share of the whole', () => {
    const report = checkReport(dailyRisk(SUBJECT, data));
    expect(report).toMatchObject({ asOf: '2024-01-04', period: null, title: 'Daily risk' });
    expect(figuresOf(report)).toMatchObject({
      valueAtRisk: expect.closeTo(18_600, 9),
      valueAtRiskShare: expect.closeTo(0.0186, 12),
      dayPnl: -1_234.5,
      zone: 'YELLOW',
    });
    const shares = rowsOf(report, 'contributions').map((row) => row[3] as number);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    expect(rowsOf(report, 'stressed-measures').map((row) => row[3])).toEqual(['2007-07-02 to 2009-06-30']);
    expect(rowsOf(report, 'measures').at(-1)!.slice(3, 6)).toEqual([null, null, null]);
    expect(rowsOf(report, 'measures').at(-1)!.at(-1)).toContain('HISTORY_TOO_SHORT');
  });

  it('names the positions that hide the risk when they have no mark', () => {
    const risk = riskMeasures({ unpriced: ['XYZ'], measures: [], contributions: [], shocks: [], sectors: [] });
    const report = checkReport(dailyRisk(SUBJECT, { ...data, risk }));
    expect(figuresOf(report)).toMatchObject({ unpricedPositions: 1, valueAtRisk: null });
    expect(noteOf(report, 'unpricedPositions')).toContain('XYZ');
    expect(section(report, 'measures').empty).toContain('no mark');
  });

  it('shows no figure where a store says NaN', () => {
    const risk = riskMeasures({ beta: 'NaN' as never, volatility: Number.NaN });
    expect(figuresOf(checkReport(dailyRisk(SUBJECT, { ...data, risk })))).toMatchObject({ volatility: null });
  });

  it('is empty for a day without risk, and names the newest before it instead of showing another day', () => {
    const none = {
      ...data,
      asked: '2024-01-06',
      risk: null,
      newestBefore: '2024-01-04',
      history: [],
      pnl: null,
      backtest: null,
    };
    const report = checkReport(dailyRisk(SUBJECT, none));
    expect(report.asOf).toBeNull();
    for (const { kind, empty } of report.sections) {
      if (kind === 'notes') continue;
      expect(empty).toBe('No risk was recorded at the end of 2024-01-06; the newest day before it is 2024-01-04.');
    }
  });
});

describe('a report of performance', () => {
  const dates = weekdays('2023-01-19', 250);
  const data = { asked: OPEN, days: pnlDays(dates), benchmark: 'SP500', closes: closes(['2023-01-18', ...dates]) };

  it('chains the days: months make the year, and both the whole', () => {
    const report = checkReport(performance(SUBJECT, data));
    const { cumulativeReturn, days, endEquity, profit } = figuresOf(report) as Record<string, number>;
    expect(days).toBe(250);
    expect(cumulativeReturn).toBeCloseTo(endEquity! / 1_000_000 - 1, 12);
    expect(profit).toBeCloseTo(endEquity! - 1_000_000, 6);
    const years = rowsOf(report, 'calendar');
    expect(years.map((row) => row[0])).toEqual(['2023', '2024']);
    const compounded = (values: readonly Cell[]) =>
      values.reduce<number>((wealth, value) => wealth * (1 + ((value as number) ?? 0)), 1) - 1;
    for (const row of years) expect(compounded(row.slice(1, 13))).toBeCloseTo(row[13] as number, 12);
    expect(compounded(years.map((row) => row[13]!))).toBeCloseTo(cumulativeReturn!, 12);
    const growth = section(report, 'growth');
    if (growth.kind !== 'chart') throw new Error('growth is a chart');
    expect(growth.series[0]!.values.at(-1)).toBeCloseTo(1 + cumulativeReturn!, 12);
  });

  it('has the drawdowns of the same returns in its table and its chart', () => {
    const report = performance(SUBJECT, data);
    const returns = data.days.map(({ equity, dayPnl }) => dayPnl / (equity - dayPnl));
    const deepest = Math.max(...drawdowns(returns).map(({ depth }) => depth));
    const chart = section(report, 'drawdown');
    if (chart.kind !== 'chart') throw new Error('drawdown is a chart');
    expect(Math.min(...chart.series[0]!.values.map((value) => value!))).toBeCloseTo(-deepest, 12);
    expect(rowsOf(report, 'drawdowns')[0]![3]).toBeCloseTo(deepest, 12);
    expect(figuresOf(report).maxDrawdown).toBeCloseTo(deepest, 12);
  });

  it('takes no deposit for a return', () => {
    const days = [
      { date: '2024-01-02', equity: 100, dayPnl: 0 },
      { date: '2024-01-03', equity: 1_010, dayPnl: 10 },
      { date: '2024-01-04', equity: 1_010, dayPnl: 0 },
    ];
    const figures = figuresOf(performance(SUBJECT, { ...data, days, closes: [] }));
    expect(figures.cumulativeReturn).toBeCloseTo(0.01, 12);
    expect(figures).toMatchObject({ beta: null, benchmarkReturn: null, pairedDays: 0, profit: 10 });
  });

  it('says of each ratio that is not defined why', () => {
    const days = [{ date: '2024-01-02', equity: 100, dayPnl: 0 }];
    const report = checkReport(performance(SUBJECT, { ...data, days, closes: [] }));
    expect(figuresOf(report)).toMatchObject({ sharpeRatio: null, cumulativeReturn: 0 });
    expect(noteOf(report, 'sharpeRatio')).toMatch(/^Not defined: .*at least 2/);
  });

  it('leaves out days without equity, or whose equity is not known, and says how many', () => {
    const days = [
      { date: '2024-01-02', equity: 0, dayPnl: 0 },
      { date: '2024-01-03', equity: null as never, dayPnl: null as never },
      { date: '2024-01-04', equity: 100, dayPnl: 0 },
      { date: '2024-01-05', equity: 101, dayPnl: 1 },
    ];
    const report = checkReport(performance(SUBJECT, { ...data, days }));
    expect(figuresOf(report).days).toBe(2);
    expect(noteOf(report, 'days')).toContain('2 days');
  });

  it('names the period that has nothing', () => {
    const asked = { from: '1980-01-01', to: '1980-12-31' };
    const report = checkReport(performance(SUBJECT, { ...data, asked, days: [], closes: [] }));
    expect(section(report, 'growth').empty).toBe('The portfolio has no day with equity from 1980-01-01 to 1980-12-31.');
  });
});

describe('a report of best execution', () => {
  const report = (orders: Parameters<typeof bestExecution>[1]['orders'], cut = false) =>
    checkReport(bestExecution(SUBJECT, { asked: OPEN, orders, cut }));

  it('weighs slippage by value, and never adds up two currencies', () => {
    const orders = [
      execution(0, { slippageArrivalBps: 10, currency: 'USD' }),
      execution(1, { slippageArrivalBps: 0, quantity: '300', filledQuantity: '300', currency: 'USD' }),
      execution(2, { slippageArrivalBps: 50, currency: 'EUR' }),
      execution(3, { currency: null }),
    ];
    const rows = rowsOf(report(orders), 'by-currency');
    expect(rows.map((row) => [row[0], row[1], row[5]])).toEqual([
      ['USD', 2, 2.5],
      ['EUR', 1, 50],
      ['currency unknown', 1, 1],
    ]);
  });

  it('counts the orders that a figure is of: one without a decision price has no shortfall', () => {
    const none = { decisionPrice: null, shortfall: null, shortfallBps: null, delayCost: null };
    const made = report([execution(3), execution(4, none)]);
    const [row] = rowsOf(made, 'by-currency');
    expect(row!.slice(8)).toEqual([1, 2.5, 2.5]);
    expect(noteOf(made, 'shortfallBps')).toBe('1 of 2 orders have it');
    expect(rowsOf(made, 'costliest-orders')).toHaveLength(1);
  });

  it('shows the parts of the shortfall only where all are known, so that they sum to it', () => {
    const chart = section(
      report([execution(3), execution(4, { arrivalPrice: null, delayCost: null, tradingCost: null })]),
      'shortfall-parts',
    );
    if (chart.kind !== 'chart') throw new Error('the parts are a chart');
    const [delay, trading, opportunity, fees, shortfall] = chart.series[0]!.values as number[];
    expect([delay, trading, opportunity, fees]).toEqual([0, 1, 0, expect.closeTo(1.5, 12)]);
    expect(shortfall).toBe(2.5);
    expect(chart.about).toContain('Of the 1 orders');
  });

  it('puts every order in one class of slippage, its upper end within', () => {
    const orders = [-200, -5, -4.9, 0, 0.1, 5, 5.1, 1_000].map((slippageArrivalBps, index) =>
      execution(index, { slippageArrivalBps }),
    );
    const chart = section(report(orders), 'slippage-classes');
    if (chart.kind !== 'chart') throw new Error('the classes are a chart');
    const counts = Object.fromEntries(chart.axis.values.map((name, index) => [name, chart.series[0]!.values[index]]));
    expect(counts).toMatchObject({
      'up to -100': 1,
      '-10 to -5': 1,
      '-5 to 0': 2,
      '0 to 5': 2,
      '5 to 10': 1,
      'above 100': 1,
    });
  });

  it('splits an order that went to two venues', () => {
    const venues = [
      { venue: 'XNAS', fills: 1, quantity: '40', averagePrice: 100, slippageBps: 0 },
      { venue: 'BATS', fills: 2, quantity: '60', averagePrice: 101, slippageBps: 100 },
    ];
    expect(rowsOf(report([execution(0, { venues })]), 'venues').map((row) => [row[0], row[3], row[4], row[6]])).toEqual(
      [
        ['BATS', 2, 6_060, 100],
        ['XNAS', 1, 4_000, 0],
      ],
    );
  });

  it('says that there are more orders than it has', () => {
    expect(noteOf(report([execution(0)], true), 'orders')).toContain('there are more');
  });

  it('without orders says so in every section', () => {
    for (const { kind, empty } of report([]).sections)
      if (kind !== 'notes') expect(empty).toContain('No order of this portfolio');
  });
});

describe("a report of Basel's backtest", () => {
  const dates = weekdays('2023-01-19', 250);
  const days = backtests(dates);
  const data = { asked: OPEN, days, actual: pnlDays(dates) };

  it('counts exceptions in the period, takes the larger of hypothetical and actual, and says what follows', () => {
    const report = checkReport(marketRiskBacktest(SUBJECT, data));
    const hits = days.filter(({ profit, results }) => -profit > results[1]!.valueAtRisk).length;
    expect(hits).toBe(6);
    expect(figuresOf(report)).toMatchObject({
      observations: 250,
      exceptions: 6,
      recentExceptions: 6,
      zone: 'YELLOW',
      multiplier: 1.76,
    });
    expect(rowsOf(report, 'zones').filter((row) => row[3] === 'here')).toEqual([['6', 'YELLOW', 1.76, 'here']]);
    expect(rowsOf(report, 'exceptions')).toHaveLength(7);
    expect(rowsOf(report, 'daily')).toHaveLength(250);
    const losing = dates.map((date) => ({ date, equity: 1e6, dayPnl: -30_000 }));
    expect(figuresOf(marketRiskBacktest(SUBJECT, { ...data, actual: losing }))).toMatchObject({
      zone: 'RED',
      multiplier: 2,
    });
  });

  it('has no light below 250 days, and says from when on', () => {
    const report = checkReport(marketRiskBacktest(SUBJECT, { ...data, days: days.slice(0, 249) }));
    expect(figuresOf(report)).toMatchObject({ zone: null, multiplier: null });
    expect(noteOf(report, 'zone')).toBe('Known from 250 days on; the period has 249');
  });

  it('gives the record of the last day as it is for all days to date', () => {
    const row = rowsOf(marketRiskBacktest(SUBJECT, data), 'to-date').find(
      (cells) => cells[0] === 'ewma' && cells[1] === 0.99,
    );
    expect(row).toEqual(['ewma', 0.99, 1_249, 12.49, 20, 6, 'YELLOW', 0.031, 0.4, 0.07, -0.4]);
  });

  it('holds with days that have no P&L of their own: they are not counted', () => {
    const report = checkReport(marketRiskBacktest(SUBJECT, { ...data, actual: [] }));
    expect(figuresOf(report)).toMatchObject({ actualExceptions: null, recentExceptions: 6 });
  });
});

describe('a report of limits', () => {
  const row = {
    limitId: 'gross',
    type: 'GROSS_EXPOSURE',
    scope: 'PORTFOLIO',
    scopeId: null,
    severity: 'HARD' as const,
    value: 120,
    threshold: 100,
    utilisation: 1.2,
    state: 'BREACHED',
    eventTime: Date.UTC(2024, 0, 5) * 1000,
  };

  it('puts what needs somebody first: the breached, then those in warning, then the unknown', () => {
    const rows = [
      { ...row, limitId: 'calm', utilisation: 0.2, state: 'OK' },
      { ...row, limitId: 'blind', value: null, utilisation: null, state: 'UNKNOWN' },
      { ...row, limitId: 'near', utilisation: 0.95, state: 'WARNING' },
      row,
    ];
    const report = checkReport(limits(SUBJECT, { asked: OPEN, installed: true, limits: rows, breaches: [] }));
    expect(rowsOf(report, 'utilisation').map((cells) => cells[0])).toEqual(['gross', 'near', 'blind', 'calm']);
    expect(figuresOf(report)).toMatchObject({
      breached: 1,
      hardBreached: 1,
      warning: 1,
      unknown: 1,
      highestUtilisation: 1.2,
    });
    expect(report.asOf).toBe('2024-01-05');
  });

  it('tells open incidents from closed ones, by the newest record of each', async () => {
    const open = {
      ...row,
      breachId: 'b1',
      portfolio: 'momentum',
      level: 'BREACH',
      openedAt: row.eventTime - 1_000_000,
      reason: null,
    };
    const closed = { ...open, breachId: 'b2', level: 'NONE' };
    const source = sampleSource({
      utilisation: async () => [],
      incidents: async () => [open, closed] as unknown as RiskBreach[],
    });
    const report = await buildReport(checkRequest({ kind: 'limits', portfolio: 'momentum' }), source, 0);
    expect(rowsOf(report, 'breaches').map((cells) => [cells[0], cells[3], cells[7]])).toEqual([
      ['b1', 'BREACH', null],
      ['b2', 'closed', '2024-01-05T00:00:00.000Z'],
    ]);
    expect(figuresOf(report)).toMatchObject({ incidents: 2, openIncidents: 1 });
  });

  it('says clearly when the installation has no limits at all', async () => {
    const report = await buildReport(checkRequest({ kind: 'limits', portfolio: 'momentum' }), sampleSource(), 0);
    for (const found of report.sections)
      if (found.kind !== 'notes') expect(found.empty).toContain('There is no limit data');
  });
});

describe('what is asked for', () => {
  it.each([
    [{ kind: 'daily-rsk', portfolio: 'p' }, 'REPORT_UNKNOWN', 'did you mean daily-risk?'],
    [{ kind: 'constructor', portfolio: 'p' }, 'REPORT_UNKNOWN', 'there are daily-risk, limits'],
    [{ kind: 'performance', portfolio: '' }, 'PORTFOLIO_MISSING', 'portfolio'],
    [{ kind: 'performance', portfolio: 'p', from: '2024-02-30' }, 'DAY_INVALID', 'from="2024-02-30"'],
    [{ kind: 'performance', portfolio: 'p', to: 'yesterday' }, 'DAY_INVALID', 'YYYY-MM-DD'],
    [{ kind: 'performance', portfolio: 'p', from: '2024-01-02', to: '2024-01-01' }, 'PERIOD_INVALID', 'later'],
    [{ kind: 'performance', portfolio: 'p', date: '2024-01-01' }, 'OPTION_FOREIGN', 'of a period'],
    [{ kind: 'daily-risk', portfolio: 'p', from: '2024-01-01' }, 'OPTION_FOREIGN', 'of one day'],
  ])('%j is refused with what to do', (request, code, text) => {
    expect(() => checkRequest(request)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(text) }),
    );
  });

  it('and a portfolio that nobody knows is answered with those there are', async () => {
    const asked = (portfolio: string): CheckedRequest => ({
      kind: 'performance',
      portfolio,
      from: null,
      to: null,
      date: null,
    });
    await expect(buildReport(asked('momentun'), sampleSource(), 0)).rejects.toThrow('did you mean momentum?');
    await expect(buildReport(asked('x'), sampleSource({ portfolios: async () => [] }), 0)).rejects.toThrow(
      'there are none yet',
    );
  });

  it('reads the days asked for, both within, to the last microsecond', async () => {
    const seen: unknown[] = [];
    const executions = async (...args: unknown[]) => {
      seen.push(args);
      return [];
    };
    const asked = checkRequest({ kind: 'best-execution', portfolio: 'momentum', from: '2024-01-02', to: '2024-01-02' });
    await buildReport(asked, sampleSource({ executions }), 0);
    const [from, before] = [Date.UTC(2024, 0, 2) * 1000, Date.UTC(2024, 0, 3) * 1000];
    expect(seen).toEqual([['momentum', from, before, 20_001]]);
  });

  it.each(KIND_NAMES)('%s is made for a portfolio without any data, and says why it is empty', async (kind) => {
    const nothing = { dayEnd: async () => null, backtests: async () => [], executions: async () => [] };
    const source = sampleSource(nothing, {
      pnlDays: async () => [],
      dailyCloses: async () => [],
      riskHistory: async () => [],
    });
    const report = await buildReport(checkRequest({ kind, portfolio: 'momentum' }), source, 0);
    for (const found of report.sections) expect(hasData(found)).toBe(found.kind === 'notes');
  });
});

describe('the model', () => {
  const sound = performance(SUBJECT, {
    asked: OPEN,
    days: pnlDays(weekdays('2024-01-02', 3)),
    benchmark: 'SP500',
    closes: [],
  });
  const withTable = (change: (rows: Cell[][]) => Cell[][]): Report => ({
    ...sound,
    sections: sound.sections.map((found) =>
      found.kind === 'table' && found.name === 'calendar'
        ? { ...found, rows: change(found.rows.map((row) => [...row])) }
        : found,
    ),
  });

  it.each([
    ['NaN', (rows: Cell[][]) => [rows[0]!.with(1, Number.NaN)]],
    ['a number as text', (rows: Cell[][]) => [rows[0]!.with(1, '0.1')]],
    ['a row too short', (rows: Cell[][]) => [rows[0]!.slice(1)]],
    ['a row too long', (rows: Cell[][]) => [[...rows[0]!, 1]]],
    ['neither rows nor a reason', () => []],
  ])('lets no %s reach a reader', (_, change) => {
    expect(() => checkReport(withTable(change))).toThrow(expect.objectContaining({ code: 'REPORT_INVALID' }));
  });
});
