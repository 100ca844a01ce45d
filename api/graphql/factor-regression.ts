/** What a portfolio's daily returns owe to factors. */
import { type Coefficient, neweyWestLag, type Regression, regress } from '#quant/regression.ts';
import type { DailyClose, PnlDay } from '#sinks/postgres/read.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { builder } from './types.ts';

export interface NamedCoefficient extends Coefficient {
  readonly name: string;
}
/** Figures are null where there is no regression, and `problem` says why. */
export interface FactorRegression {
  readonly from: string | null;
  readonly to: string | null;
  readonly days: number;
  readonly factors: readonly string[];
  readonly hac: boolean;
  readonly lag: number | null;
  readonly intercept: NamedCoefficient | null;
  readonly coefficients: readonly NamedCoefficient[];
  readonly rSquared: number | null;
  readonly adjustedRSquared: number | null;
  readonly degreesOfFreedom: number | null;
  readonly problem: string | null;
}
export interface FactorCloses {
  readonly factor: string;
  /** Oldest first, from before the first of the portfolio's days. */
  readonly closes: readonly DailyClose[];
}

/**
 * Daily returns of the portfolio (P&L over the equity before it with the day's deposits) on those of the factors, of the days whose returns
 * go from the same day to the same day for all. `hac`: Newey-West errors with ⌊4 (n/100)^(2/9)⌋ lags.
 */
export function factorRegressionOf(
  days: readonly PnlDay[],
  factors: readonly FactorCloses[],
  hac: boolean,
): FactorRegression {
  const changes = factors.map(({ closes }) => changesOf(closes));
  const paired = days.flatMap(({ date, equity, dayPnl }, index) => {
    const before = days[index - 1]?.date;
    const begin = equity - dayPnl;
    const row = changes.map((change) => change.get(date));
    if (!(begin > 0) || !row.every((change) => change !== undefined && change.before === before)) return [];
    return [{ date, value: dayPnl / begin, row: row.map((change) => change!.value) }];
  });
  const lag = hac ? Math.min(neweyWestLag(paired.length), Math.max(paired.length - 1, 0)) : null;
  const names = factors.map(({ factor }) => factor);
  const base = { days: paired.length, factors: names, hac, lag };
  const range = { from: paired[0]?.date ?? null, to: paired.at(-1)?.date ?? null };
  try {
    const missing = factors.find(({ closes }) => closes.length === 0);
    if (missing) throw new TidemarkError('HISTORY_TOO_SHORT', `there is no daily close of ${missing.factor}`);
    if (factors.length === 0) throw new TidemarkError('NO_FACTORS', 'there is no instrument of class FACTOR');
    const fit = regress(
      paired.map(({ value }) => value),
      factors.map((_, index) => paired.map(({ row }) => row[index]!)),
      lag,
    );
    return { ...range, ...base, ...figuresOf(fit, names), problem: null };
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    return { ...range, ...base, ...NO_FIGURES, problem: `${error.code}: ${error.message}` };
  }
}

const NO_FIGURES = {
  intercept: null,
  coefficients: [],
  rSquared: null,
  adjustedRSquared: null,
  degreesOfFreedom: null,
};

const figuresOf = (
  { intercept, slopes, rSquared, adjustedRSquared, degreesOfFreedom }: Regression,
  names: string[],
) => ({
  intercept: { name: 'intercept', ...intercept },
  coefficients: slopes.map((slope, index) => ({ name: names[index]!, ...slope })),
  rSquared,
  adjustedRSquared,
  degreesOfFreedom,
});

/** By date, the return since the close before it, and that close's date. */
function changesOf(closes: readonly DailyClose[]): Map<string, { readonly before: string; readonly value: number }> {
  const changes = new Map<string, { readonly before: string; readonly value: number }>();
  closes.forEach(({ date, close }, index) => {
    const before = closes[index - 1];
    if (before) changes.set(date, { before: before.date, value: close / before.close - 1 });
  });
  return changes;
}

const CoefficientType = builder.objectRef<NamedCoefficient>('FactorCoefficient').implement({
  description: 'An estimate of a regression, with its error.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The factor, or intercept.' }),
    estimate: t.exposeFloat('estimate', { description: 'Return for one of the factor; the intercept: a day.' }),
    standardError: t.exposeFloat('standardError', { description: 'Newey-West or classical, as `hac` says.' }),
    t: t.exposeFloat('t', { description: 'estimate / standardError.' }),
    p: t.exposeFloat('p', { description: 'Two-sided, by Student t.' }),
  }),
});

export const FactorRegressionType = builder.objectRef<FactorRegression>('FactorRegression').implement({
  description: "A portfolio's daily returns explained by factors: least squares with an intercept.",
  fields: (t) => ({
    from: t.exposeString('from', { nullable: true, description: 'First day counted, YYYY-MM-DD.' }),
    to: t.exposeString('to', { nullable: true, description: 'Last day counted, YYYY-MM-DD.' }),
    days: t.exposeInt('days', { description: 'Days with a return of the portfolio and of every factor.' }),
    factors: t.exposeStringList('factors', { description: 'Instruments, in the order of the coefficients.' }),
    hac: t.exposeBoolean('hac', {
      description: 'True: errors are robust to autocorrelation and changing volatility (Newey-West, Bartlett weights).',
    }),
    lag: t.exposeInt('lag', { nullable: true, description: '⌊4 (days/100)^(2/9)⌋; null for classical errors.' }),
    intercept: t.field({
      type: CoefficientType,
      nullable: true,
      description: 'Alpha of a day; null where there is no regression.',
      resolve: ({ intercept }) => intercept,
    }),
    coefficients: t.field({
      type: [CoefficientType],
      description: 'Of each factor; empty where there is no regression.',
      resolve: ({ coefficients }) => [...coefficients],
    }),
    rSquared: t.exposeFloat('rSquared', { nullable: true, description: 'Share of the variance that factors explain.' }),
    adjustedRSquared: t.exposeFloat('adjustedRSquared', {
      nullable: true,
      description: 'The same, less what as many factors explain by chance.',
    }),
    degreesOfFreedom: t.exposeInt('degreesOfFreedom', { nullable: true, description: 'Days less estimates.' }),
    problem: t.exposeString('problem', { nullable: true, description: 'Why there is no regression.' }),
  }),
});
