import { type Drawdown, drawdowns, maxDrawdown } from '#quant/drawdown.ts';
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
import { builder } from './types.ts';

/** A drawdown with its dates. */
interface DatedDrawdown extends Drawdown {
  readonly peakDate: string;
  readonly troughDate: string;
  readonly recoveryDate: string | null;
}
const FIGURES = [
  'cumulativeReturn',
  'annualReturn',
  'annualVolatility',
  'sharpeRatio',
  'sortinoRatio',
  'calmarRatio',
  'omegaRatio',
  'tailRatio',
  'maxDrawdown',
] as const;
const RELATIVE_FIGURES = ['alpha', 'beta', 'informationRatio', 'upCapture', 'downCapture'] as const;
type Figure = (typeof FIGURES)[number] | (typeof RELATIVE_FIGURES)[number];
/** How a portfolio has done; figures that are not defined are null, and `problems` says why. */
export type Performance = Readonly<Record<Figure, number | null>> & {
  readonly from: string | null;
  readonly to: string | null;
  readonly days: number;
  readonly benchmark: string;
  readonly worstDrawdowns: readonly DatedDrawdown[];
  readonly problems: readonly string[];
};

const WORST = 5;

/**
 * From the ends of a portfolio's days. A day's return is its P&L over what there was before it with the day's deposits (flows at the start of
 * the day), so that deposits are no return: chained, it is the time-weighted one. `closes`: the benchmark's, oldest first.
 */
export function performanceOf(days: readonly PnlDay[], benchmark: string, closes: readonly DailyClose[]): Performance {
  const counted = days.filter(({ equity, dayPnl }) => equity - dayPnl > 0);
  const dates = counted.map(({ date }) => date);
  const returns = counted.map(({ equity, dayPnl }) => dayPnl / (equity - dayPnl));
  const problems: string[] = [];
  const figure = (name: Figure, value: () => number): number | null => {
    try {
      return value();
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      problems.push(`${name}: ${error.code}: ${error.message}`);
      return null;
    }
  };
  if (counted.length < days.length)
    problems.push(`${days.length - counted.length} days began without equity and are left out`);
  const own = {
    cumulativeReturn: figure('cumulativeReturn', () => cumulativeReturn(returns)),
    annualReturn: figure('annualReturn', () => annualReturn(returns)),
    annualVolatility: figure('annualVolatility', () => annualVolatility(returns)),
    sharpeRatio: figure('sharpeRatio', () => sharpeRatio(returns)),
    sortinoRatio: figure('sortinoRatio', () => sortinoRatio(returns)),
    calmarRatio: figure('calmarRatio', () => calmarRatio(returns)),
    omegaRatio: figure('omegaRatio', () => omegaRatio(returns)),
    tailRatio: figure('tailRatio', () => tailRatio(returns)),
    maxDrawdown: figure('maxDrawdown', () => maxDrawdown(returns)),
  };
  const both = paired(dates, returns, closes);
  const related = figure('beta', () => alphaBeta(both.own, both.market).beta);
  return {
    ...own,
    from: dates[0] ?? null,
    to: dates.at(-1) ?? null,
    days: returns.length,
    benchmark,
    alpha: related === null ? null : figure('alpha', () => alphaBeta(both.own, both.market).alpha),
    beta: related,
    informationRatio: figure('informationRatio', () => informationRatio(both.own, both.market)),
    upCapture: figure('upCapture', () => capture(both.own, both.market, 'up')),
    downCapture: figure('downCapture', () => capture(both.own, both.market, 'down')),
    worstDrawdowns: worst(dates, returns),
    problems,
  };
}

/** Returns of the days of which the benchmark has one too. */
function paired(dates: readonly string[], returns: readonly number[], closes: readonly DailyClose[]) {
  const market = new Map<string, number>();
  closes.forEach(({ date, close }, index) => {
    if (index > 0) market.set(date, close / closes[index - 1]!.close - 1);
  });
  const days = [...dates.keys()].filter((day) => market.has(dates[day]!));
  return { own: days.map((day) => returns[day]!), market: days.map((day) => market.get(dates[day]!)!) };
}

function worst(dates: readonly string[], returns: readonly number[]): DatedDrawdown[] {
  const dateOf = (day: number) => dates[Math.max(day, 0)]!;
  return drawdowns(returns)
    .sort((a, b) => b.depth - a.depth)
    .slice(0, WORST)
    .map((drawdown) => ({
      ...drawdown,
      peakDate: dateOf(drawdown.peak),
      troughDate: dateOf(drawdown.trough),
      recoveryDate: drawdown.recovery === null ? null : dateOf(drawdown.recovery),
    }));
}

const DrawdownType = builder.objectRef<DatedDrawdown>('Drawdown').implement({
  description: 'A fall of compounded wealth from a peak.',
  fields: (t) => ({
    depth: t.exposeFloat('depth', { description: 'Share of the peak that was lost at the deepest.' }),
    peakDate: t.exposeString('peakDate'),
    troughDate: t.exposeString('troughDate'),
    recoveryDate: t.exposeString('recoveryDate', {
      nullable: true,
      description: 'Null while the peak is not reached.',
    }),
    durationDays: t.exposeInt('durationDays', {
      description: 'Trading days from the peak to the recovery, or to the end.',
    }),
  }),
});

const DESCRIPTIONS: Readonly<Record<Figure, string>> = {
  cumulativeReturn: 'Time-weighted over all days: 0.5 is half more.',
  annualReturn: 'Compounded, a year of 252 days.',
  annualVolatility: 'Sample deviation a year.',
  sharpeRatio: 'Mean over deviation, annualised, no risk-free rate.',
  sortinoRatio: 'Mean over downside deviation, annualised.',
  calmarRatio: 'Annual return over the deepest drawdown.',
  omegaRatio: 'Gains over losses, day by day.',
  tailRatio: 'The 95 % quantile over the 5 % one, by size.',
  maxDrawdown: 'The deepest fall from a peak, 0 to 1.',
  alpha: "Jensen's, compounded to a year.",
  beta: 'Slope on the benchmark.',
  informationRatio: 'Mean over deviation of what is above the benchmark, of a day.',
  upCapture: "Annual return over the benchmark's on the days it rose.",
  downCapture: "Annual return over the benchmark's on the days it fell.",
};

export const PerformanceType = builder.objectRef<Performance>('Performance').implement({
  description: 'How a portfolio has done, by the conventions of empyrical. Null where a figure is not defined.',
  fields: (t) => ({
    from: t.exposeString('from', { nullable: true }),
    to: t.exposeString('to', { nullable: true }),
    days: t.exposeInt('days'),
    benchmark: t.exposeString('benchmark'),
    ...Object.fromEntries(
      [...FIGURES, ...RELATIVE_FIGURES].map((name) => [
        name,
        t.exposeFloat(name, { nullable: true, description: DESCRIPTIONS[name] }),
      ]),
    ),
    worstDrawdowns: t.field({
      type: [DrawdownType],
      description: 'The five deepest.',
      resolve: ({ worstDrawdowns }) => [...worstDrawdowns],
    }),
    problems: t.exposeStringList('problems', { description: 'Why figures are null.' }),
  }),
});
