/**
 * Why a portfolio did better or worse than its benchmark: Brinson and Fachler, Measuring Non-US Equity Portfolio Performance, Journal of
 * Portfolio Management 11 (1985), by sector and period; Cariño, Combining Attribution Effects over Time, Journal of Performance
 * Measurement 3 (1999), over periods. Effects are shares of the value at the beginning: 0.01 is one percent.
 */
import { TidemarkError } from '#streams/kit/errors.ts';
import { requireFinite } from './checks.ts';

/** One sector of one side. */
export interface SectorReturn {
  readonly sector: string;
  /** Share of the side's value at the beginning of the period; negative where it is short. */
  readonly weight: number;
  /** What the sector added to the side's return: weight × the sector's return. */
  readonly contribution: number;
}
/** A portfolio or its benchmark in one period. */
export interface Side {
  /** Of the whole, with what no sector explains: fees, trading within the period. */
  readonly return: number;
  /** Each sector once, cash among them; weights sum to one. */
  readonly sectors: readonly SectorReturn[];
}
export interface Effects {
  /** Of holding more or less of the sector than the benchmark. */
  readonly allocation: number;
  /** Of holding other things in it. */
  readonly selection: number;
  /** Of both at once. */
  readonly interaction: number;
}
export interface SectorEffects extends Effects {
  readonly sector: string;
}
/** Effects and `other` sum to portfolioReturn - benchmarkReturn. */
export interface Attribution {
  readonly portfolioReturn: number;
  readonly benchmarkReturn: number;
  /** In the order in which the sectors were first met. */
  readonly sectors: readonly SectorEffects[];
  /** The difference between what no sector explains of the portfolio and of the benchmark. */
  readonly other: number;
}

/** Weights that are further from one than this are no weights of a whole. */
const WHOLE = 1e-9;
/** A smaller weight is what rounding leaves of longs and shorts that are even. */
const NO_WEIGHT = 1e-12;

/**
 * Effects of one period. A sector that only the portfolio holds is allocation alone: its return stands for the benchmark's. One that only
 * the benchmark holds is allocation alone too. What a sector of no net weight earned (longs and shorts that are even) is selection. Throws
 * VALUE_NOT_FINITE; PARAMETER_INVALID where a side's weights do not sum to one within 1e-9, or name a sector twice.
 */
export function brinsonFachler(portfolio: Side, benchmark: Side): Attribution {
  const own = bySector(portfolio, 'portfolio');
  const market = bySector(benchmark, 'benchmark');
  const held = sum(portfolio.sectors.map(({ contribution }) => contribution));
  const marketHeld = sum(benchmark.sectors.map(({ contribution }) => contribution));
  const sectors = [...new Set([...own.keys(), ...market.keys()])].map((sector) => {
    const nothing = { sector, weight: 0, contribution: 0 };
    return effectsOf(own.get(sector) ?? nothing, market.get(sector) ?? nothing, marketHeld);
  });
  const other = portfolio.return - held - (benchmark.return - marketHeld);
  requireFinite([other, ...sectors.flatMap((row) => [row.allocation, row.selection, row.interaction])], 'Effects');
  return { portfolioReturn: portfolio.return, benchmarkReturn: benchmark.return, sectors, other };
}

function effectsOf(own: SectorReturn, market: SectorReturn, marketReturn: number): SectorEffects {
  const { sector } = own;
  const isHeld = Math.abs(own.weight) > NO_WEIGHT;
  if (!(Math.abs(market.weight) > NO_WEIGHT)) {
    const allocation = isHeld ? own.contribution - own.weight * marketReturn : 0;
    return { sector, allocation, selection: (isHeld ? 0 : own.contribution) - market.contribution, interaction: 0 };
  }
  const expected = market.contribution / market.weight;
  const active = own.weight - market.weight;
  const allocation = active * (expected - marketReturn);
  if (!isHeld) return { sector, allocation, selection: own.contribution, interaction: 0 };
  const better = own.contribution / own.weight - expected;
  return { sector, allocation, selection: market.weight * better, interaction: active * better };
}

function bySector({ return: total, sectors }: Side, what: string): Map<string, SectorReturn> {
  const values = sectors.flatMap(({ weight, contribution }) => [weight, contribution]);
  requireFinite([total, ...values], `Return, weights and contributions of the ${what}`);
  const weight = sum(sectors.map((sector) => sector.weight));
  if (!(Math.abs(weight - 1) <= WHOLE))
    throw new TidemarkError('PARAMETER_INVALID', `the weights of the ${what} sum to ${weight}, not to 1`);
  const known = new Map(sectors.map((sector) => [sector.sector, sector]));
  if (known.size < sectors.length)
    throw new TidemarkError('PARAMETER_INVALID', `a sector of the ${what} is there twice`);
  return known;
}

/**
 * Effects of all periods as shares of the value at the beginning of the first, compounded: each period's times Cariño's coefficient, the
 * ratio of ln(1 + portfolio) - ln(1 + benchmark) to their difference in that period over the same ratio of the compounded returns; where both
 * are equal the ratio is its limit, 1 ÷ (1 + return). They sum to the difference of the compounded returns, to rounding. Throws
 * HISTORY_TOO_SHORT without periods, WEALTH_LOST where a return is -100 % or less, VALUE_NOT_FINITE.
 */
export function linkCarino(periods: readonly Attribution[]): Attribution {
  if (periods.length === 0) throw new TidemarkError('HISTORY_TOO_SHORT', 'there are no periods to link');
  let [own, market] = [1, 1];
  for (const { portfolioReturn, benchmarkReturn } of periods) {
    own *= growthOf(portfolioReturn, 'portfolio');
    market *= growthOf(benchmarkReturn, 'benchmark');
  }
  const whole = logRatio(own, market);
  const linked = new Map<string, { -readonly [K in keyof Effects]: number }>();
  let other = 0;
  for (const period of periods) {
    const share = logRatio(1 + period.portfolioReturn, 1 + period.benchmarkReturn) / whole;
    other += share * period.other;
    for (const { sector, allocation, selection, interaction } of period.sectors) {
      const row = linked.get(sector) ?? { allocation: 0, selection: 0, interaction: 0 };
      row.allocation += share * allocation;
      row.selection += share * selection;
      row.interaction += share * interaction;
      linked.set(sector, row);
    }
  }
  const sectors = [...linked].map(([sector, effects]) => ({ sector, ...effects }));
  requireFinite([other, ...sectors.flatMap((row) => [row.allocation, row.selection, row.interaction])], 'Effects');
  return { portfolioReturn: own - 1, benchmarkReturn: market - 1, sectors, other };
}

function growthOf(value: number, what: string): number {
  requireFinite([value], `Returns of the ${what}`);
  if (!(1 + value > 0))
    throw new TidemarkError('WEALTH_LOST', `a return of the ${what} is ${value}: all was lost, nothing can be linked`);
  return 1 + value;
}

/** (ln a - ln b) / (a - b), 1 / b where they are equal. Throws VALUE_NOT_FINITE where a double cannot hold it. */
function logRatio(a: number, b: number): number {
  const excess = (a - b) / b;
  const ratio = (excess === 0 ? 1 : Math.log1p(excess) / excess) / b;
  if (!Number.isFinite(ratio) || ratio === 0)
    throw new TidemarkError(
      'VALUE_NOT_FINITE',
      `compounded growths of ${a} and ${b} are beyond what a double can hold`,
    );
  return ratio;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
