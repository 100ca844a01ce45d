import { drawdowns, maxDrawdown } from '#quant/drawdown.ts';
import {
  alphaBeta,
  annualReturn,
  annualVolatility,
  calmarRatio,
  capture,
  cumulativeReturn,
  informationRatio,
  omegaRatio,
  sharpeRatio,
  sortinoRatio,
  tailRatio,
} from '#quant/performance.ts';
import type { DailyClose, PnlDay } from '#sinks/postgres/read.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import {
  COMMON_NOTES,
  countField,
  currencyOf,
  dateField,
  figure,
  finite,
  methodNotes,
  numberField,
  section,
  shareField,
  textField,
  tried,
} from './fields.ts';
import type { ChartSection, Field, Figure, FiguresSection, Report, Subject, TableSection } from './model.ts';
import {
  benchmarkReturns,
  compoundedBy,
  dailyReturns,
  growth,
  knownDays,
  moneyWeighted,
  type Returns,
  underwater,
} from './returns.ts';
import { daysBefore, endMicros, type Period, type ReportSource, startMicros } from './source.ts';

/** The ends of a portfolio's days, and what the benchmark did. */
export interface PerformanceData {
  readonly asked: Period;
  /** Oldest first. */
  readonly days: readonly PnlDay[];
  readonly benchmark: string;
  /** Oldest first, from before the first day on, so that it has a return too. */
  readonly closes: readonly DailyClose[];
}

const BENCHMARK = 'SP500';
const WORST = 10;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export async function loadPerformance(source: ReportSource, portfolioId: string, asked: Period) {
  const to = endMicros(asked.to);
  const days = await source.read.pnlDays(portfolioId, startMicros(asked.from), to === null ? null : to - 1);
  const first = days[0]?.date;
  const closes = first === undefined ? [] : await source.read.dailyCloses(BENCHMARK, daysBefore(first, 7));
  return { asked, days, benchmark: BENCHMARK, closes } satisfies PerformanceData;
}

/** Performance: what was earned, at which risk, and how deep it fell. */
export function performance(subject: Subject, given: PerformanceData): Report {
  const data = { ...given, days: knownDays(given.days) };
  const unknown = given.days.length - data.days.length;
  const own = dailyReturns(data.days);
  const market = benchmarkReturns(data.closes);
  const [first, last] = [data.days[0]?.date, data.days.at(-1)?.date];
  const { from, to } = data.asked;
  const none =
    from === null && to === null
      ? 'The portfolio has no day with equity yet.'
      : `The portfolio has no day with equity ${from === null ? '' : `from ${from} `}${to === null ? 'on' : `to ${to}`}.`;
  return {
    ...subject,
    kind: 'performance',
    title: 'Performance',
    asOf: last ?? null,
    period: first === undefined || last === undefined ? null : { from: first, to: last },
    sections: [
      keyFigures(data, { ...own, leftOut: own.leftOut + unknown }, market, currencyOf(subject), none),
      growthChart(data, own, market, none),
      drawdownChart(own, none),
      drawdownTable(own, none),
      calendarTable(data, own, market, none),
      notes(data.benchmark),
    ],
  };
}

function keyFigures(
  { days, benchmark }: PerformanceData,
  { dates, returns, leftOut }: Returns,
  market: ReadonlyMap<string, number>,
  currency: string,
  none: string,
): FiguresSection {
  const both = [...dates.keys()].filter((day) => market.has(dates[day]!));
  const paired = both.map((day) => returns[day]!);
  const theirs = both.map((day) => market.get(dates[day]!)!);
  const computed = (of: Field, compute: () => number, note: string | null = null): Figure => {
    const { value, problem } = tried(compute);
    return figure(of, value, problem ?? note);
  };
  const share = (name: string, title: string) => shareField(name, title);
  const against = `Against ${benchmark}`;
  const figures = [
    figure(countField('days', 'Days with a return'), returns.length, leftOutNote(leftOut)),
    computed(share('cumulativeReturn', 'Return over the period'), () => cumulativeReturn(atLeastOne(returns))),
    computed(share('annualReturn', 'Return a year'), () => annualReturn(returns), 'Time-weighted, compounded'),
    computed(
      share('moneyWeightedReturn', 'Money-weighted return a year'),
      () => moneyWeighted(days),
      'XIRR, actual/365',
    ),
    computed(share('annualVolatility', 'Volatility a year'), () => annualVolatility(returns)),
    computed(share('maxDrawdown', 'Deepest drawdown'), () => maxDrawdown(atLeastOne(returns))),
    computed(numberField('sharpeRatio', 'Sharpe ratio'), () => sharpeRatio(returns), 'Without a risk-free rate'),
    computed(numberField('sortinoRatio', 'Sortino ratio'), () => sortinoRatio(returns)),
    computed(numberField('calmarRatio', 'Calmar ratio'), () => calmarRatio(returns)),
    computed(numberField('omegaRatio', 'Omega ratio'), () => omegaRatio(returns)),
    computed(numberField('tailRatio', 'Tail ratio'), () => tailRatio(returns), '95 % over 5 % quantile'),
    figure(countField('pairedDays', `Days that ${benchmark} has too`), paired.length),
    computed(share('benchmarkReturn', `Return of ${benchmark} on them`), () => cumulativeReturn(atLeastOne(theirs))),
    computed(share('alpha', 'Alpha a year'), () => alphaBeta(paired, theirs).alpha, `Jensen's, against ${benchmark}`),
    computed(numberField('beta', 'Beta'), () => alphaBeta(paired, theirs).beta, against),
    computed(
      numberField('informationRatio', 'Information ratio', null, 3),
      () => informationRatio(paired, theirs),
      'Of a day',
    ),
    computed(numberField('upCapture', 'Up capture'), () => capture(paired, theirs, 'up'), against),
    computed(numberField('downCapture', 'Down capture'), () => capture(paired, theirs, 'down'), against),
    figure(numberField('endEquity', 'Equity at the end', currency), days.at(-1)?.equity),
    figure(
      numberField('profit', 'Profit of the period', currency),
      days.reduce((sum, { dayPnl }) => sum + dayPnl, 0),
    ),
  ];
  return section<FiguresSection>(
    { kind: 'figures', name: 'key-figures', title: 'Key figures', figures: days.length > 0 ? figures : [] },
    none,
  );
}

const leftOutNote = (days: number) =>
  days === 0 ? null : `${days} days began without equity, or without a known one, and have no return`;

/** The compounded return of no days would be zero, which nobody earned. */
function atLeastOne(returns: readonly number[]): readonly number[] {
  if (returns.length === 0) throw new TidemarkError('HISTORY_TOO_SHORT', 'there is no day with a return');
  return returns;
}

const dayAxis = (dates: readonly string[]) => ({ field: dateField('date', 'Day'), values: dates });
const NO_RETURNS = 'Every day of the period began without equity, so none has a return.';

function growthChart(
  { benchmark, days }: PerformanceData,
  { dates, returns }: Returns,
  market: ReadonlyMap<string, number>,
  none: string,
): ChartSection {
  const markets = growth(dates.map((date) => market.get(date) ?? 0));
  const known = dates.map((date, day) => (market.has(date) ? finite(markets[day]) : null));
  const series = [{ name: 'Portfolio', mark: 'line' as const, values: growth(returns).map(finite) }];
  return section<ChartSection>(
    {
      kind: 'chart',
      name: 'growth',
      title: 'Growth of 1',
      about: `Compounded daily returns, deposits left out${known.some((value) => value !== null) ? `; ${benchmark} on the same days` : ''}.`,
      axis: dayAxis(dates),
      scale: { type: 'number', unit: null, decimals: 2 },
      series: known.some((value) => value !== null)
        ? [...series, { name: benchmark, mark: 'line', values: known }]
        : series,
    },
    days.length > 0 ? NO_RETURNS : none,
  );
}

function drawdownChart({ dates, returns, leftOut }: Returns, none: string): ChartSection {
  return section<ChartSection>(
    {
      kind: 'chart',
      name: 'drawdown',
      title: 'Drawdown',
      about: 'How far below its highest so far the portfolio was.',
      axis: dayAxis(dates),
      scale: { type: 'share', unit: null, decimals: 1 },
      series: [{ name: 'Drawdown', mark: 'line', values: underwater(growth(returns)).map(finite) }],
    },
    leftOut > 0 ? NO_RETURNS : none,
  );
}

function drawdownTable({ dates, returns }: Returns, none: string): TableSection {
  const worst = drawdowns(returns)
    .sort((a, b) => b.depth - a.depth)
    .slice(0, WORST);
  const dateOf = (day: number) => dates[Math.max(day, 0)]!;
  return section<TableSection>(
    {
      kind: 'table',
      name: 'drawdowns',
      title: 'Deepest drawdowns',
      columns: [
        dateField('peakDate', 'Peak'),
        dateField('troughDate', 'Trough'),
        dateField('recoveryDate', 'Recovery'),
        shareField('depth', 'Depth'),
        countField('durationDays', 'Length', 'trading days'),
        textField('state', 'State'),
      ],
      rows: worst.map(({ depth, peak, trough, recovery, durationDays }) => [
        dateOf(peak),
        dateOf(trough),
        recovery === null ? null : dateOf(recovery),
        finite(depth),
        durationDays,
        recovery === null ? 'not recovered' : 'recovered',
      ]),
    },
    returns.length > 0 ? 'The portfolio was never below its peak.' : none,
  );
}

function calendarTable(
  { benchmark }: PerformanceData,
  { dates, returns }: Returns,
  market: ReadonlyMap<string, number>,
  none: string,
): TableSection {
  const months = compoundedBy(dates, returns, 7);
  const years = compoundedBy(dates, returns, 4);
  const known = dates.filter((date) => market.has(date));
  const theirs = compoundedBy(
    known,
    known.map((date) => market.get(date)!),
    4,
  );
  return section<TableSection>(
    {
      kind: 'table',
      name: 'calendar',
      title: 'Returns by month and year',
      about: `Months and years that the period cuts are of the days within it; ${benchmark} of the days that both have.`,
      columns: [
        textField('year', 'Year'),
        ...MONTHS.map((month) => shareField(month.toLowerCase(), month, 1)),
        shareField('whole', 'Year', 1),
        shareField('benchmark', benchmark, 1),
      ],
      rows: [...years].map(([year, whole]) => [
        year,
        ...MONTHS.map((_, index) => finite(months.get(`${year}-${String(index + 1).padStart(2, '0')}`))),
        finite(whole),
        finite(theirs.get(year)),
      ]),
    },
    returns.length > 0 ? NO_RETURNS : none,
  );
}

const notes = (benchmark: string) =>
  methodNotes([
    [
      'Return of a day',
      'The P&L of the UTC day over the equity before it with the deposits of the day: what comes in or goes out is no return. Chained, the days give the time-weighted return. P&L is net of commission.',
    ],
    [
      'Money-weighted return',
      "The rate at which the flows' present values sum to zero (XIRR, actual/365). A flow is what a day's P&L does not explain of the change of equity, taken at the beginning of the day. Undefined where flows have no such rate, or several.",
    ],
    [
      'Ratios',
      'As in the package empyrical: 252 days a year, deviations with ddof 1, no risk-free rate. Sortino over the downside deviation, Calmar the return a year over the deepest drawdown, Omega gains over losses day by day.',
    ],
    [
      'Benchmark',
      `${benchmark}, from close to close, on the days that both have. Alpha is Jensen's, compounded to a year; the information ratio is of a day; capture is the annual return over the benchmark's on the days it rose or fell.`,
    ],
    ['Drawdown', 'A fall of the compounded return from its peak, the start included; length in days with a return.'],
    [
      'Corrections',
      'Fills that were corrected later change the ledger from their correction on; equity that was reported before it stays as it was.',
    ],
    ...COMMON_NOTES,
  ]);
