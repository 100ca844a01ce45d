import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { bestExecution, loadBestExecution } from './best-execution.ts';
import { dailyRisk, loadDailyRisk } from './daily-risk.ts';
import { limits, loadLimits } from './limits.ts';
import { loadMarketRiskBacktest, marketRiskBacktest } from './market-risk-backtest.ts';
import { checkReport, type Report, type Subject } from './model.ts';
import { loadPerformance, performance } from './performance.ts';
import type { Period, ReportSource } from './source.ts';

interface Kind {
  readonly title: string;
  readonly about: string;
  /** `day`: of one day, the newest unless asked; `period`: from a day to a day. */
  readonly takes: 'day' | 'period';
  build(source: ReportSource, subject: Subject, asked: Period & { readonly date: string | null }): Promise<Report>;
}

/** Every report, once. */
export const KINDS = {
  'daily-risk': {
    title: 'Daily risk',
    about: 'VaR and ES by method, what each position adds, shocks, sectors, at the end of a day',
    takes: 'day',
    build: async (source, subject, { date }) =>
      dailyRisk(subject, await loadDailyRisk(source, subject.portfolio.id, date)),
  },
  limits: {
    title: 'Limits',
    about: 'utilisation of every limit, and incidents',
    takes: 'period',
    build: async (source, subject, asked) => limits(subject, await loadLimits(source, subject.portfolio.id, asked)),
  },
  performance: {
    title: 'Performance',
    about: 'returns, ratios, drawdowns, months and years, against the benchmark',
    takes: 'period',
    build: async (source, subject, asked) =>
      performance(subject, await loadPerformance(source, subject.portfolio.id, asked)),
  },
  'best-execution': {
    title: 'Best execution',
    about: 'slippage and implementation shortfall of the orders that arrived in a period',
    takes: 'period',
    build: async (source, subject, asked) =>
      bestExecution(subject, await loadBestExecution(source, subject.portfolio.id, asked)),
  },
  'market-risk-backtest': {
    title: 'Market-risk backtest',
    about: "Basel's backtest of VaR: exceptions, traffic light, multiplier, tests; the last 250 days unless asked",
    takes: 'period',
    build: async (source, subject, asked) =>
      marketRiskBacktest(subject, await loadMarketRiskBacktest(source, subject.portfolio.id, asked)),
  },
} as const satisfies Readonly<Record<string, Kind>>;
export type ReportKind = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS) as ReportKind[];

/** What is asked for, as it was written. */
export interface ReportRequest {
  readonly kind: string;
  readonly portfolio: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly date?: string | undefined;
}

/** What is asked for, once it is sound. */
export interface CheckedRequest extends Period {
  readonly kind: ReportKind;
  readonly portfolio: string;
  readonly date: string | null;
}

/** Throws REPORT_UNKNOWN, PORTFOLIO_MISSING, DAY_INVALID, OPTION_FOREIGN, PERIOD_INVALID, each with what to do. */
export function checkRequest({ kind, portfolio, from, to, date }: ReportRequest): CheckedRequest {
  if (!isKind(kind))
    throw new TidemarkError(
      'REPORT_UNKNOWN',
      `There is no report "${kind}"${closest(kind, KIND_NAMES) || `; there are ${KIND_NAMES.join(', ')}`}`,
    );
  if (!portfolio) throw new TidemarkError('PORTFOLIO_MISSING', `Say whose report it is: portfolio=ID`);
  if (KINDS[kind].takes === 'day' && (from !== undefined || to !== undefined))
    throw new TidemarkError('OPTION_FOREIGN', `${kind} is of one day: say date=YYYY-MM-DD, not from and to`);
  if (KINDS[kind].takes === 'period' && date !== undefined)
    throw new TidemarkError(
      'OPTION_FOREIGN',
      `${kind} is of a period: say from=YYYY-MM-DD and to=YYYY-MM-DD, not date`,
    );
  const days = { from: day('from', from), to: day('to', to), date: day('date', date) };
  if (days.from !== null && days.to !== null && days.from > days.to)
    throw new TidemarkError('PERIOD_INVALID', `from (${from}) must not be later than to (${to})`);
  return { kind, portfolio, ...days };
}

const isKind = (name: string): name is ReportKind => (KIND_NAMES as readonly string[]).includes(name);

function day(name: string, text: string | undefined): string | null {
  if (text === undefined) return null;
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00:00Z`).toJSON()?.slice(0, 10) === text;
  if (!isDay) throw new TidemarkError('DAY_INVALID', `${name}="${text}": expected a day of the calendar, YYYY-MM-DD`);
  return text;
}

/**
 * Reads what is stored and makes the report. `nowMs`: when it is made. Throws PORTFOLIO_UNKNOWN with what is known, and what the
 * database throws.
 */
export async function buildReport(request: CheckedRequest, source: ReportSource, nowMs: number): Promise<Report> {
  const known = await source.reports.portfolios();
  const portfolio = known.find(({ id }) => id === request.portfolio);
  if (!portfolio)
    throw unknownPortfolio(
      request.portfolio,
      known.map(({ id }) => id),
    );
  const subject: Subject = { portfolio, generatedAt: new Date(nowMs).toISOString() };
  return checkReport(await KINDS[request.kind].build(source, subject, request));
}

const MOST_NAMES = 10;

function unknownPortfolio(id: string, known: readonly string[]): TidemarkError {
  const some = known.slice(0, MOST_NAMES).join(', ');
  const rest = known.length > MOST_NAMES ? ` and ${known.length - MOST_NAMES} more` : '';
  const hint = known.length === 0 ? '; there are none yet' : closest(id, known) || `; there are ${some}${rest}`;
  return new TidemarkError('PORTFOLIO_UNKNOWN', `There is no portfolio "${id}"${hint}`);
}
