/**
 * What is said of a portfolio's risk, from its exposures and the scenarios of its instruments. Pure. Conventions, each named in the record:
 * VaR and ES are positive losses in base currency (quant/tail.ts); a position that has no mark, or no history, is not left out: without
 * it no figure is right, so there is none, and why.
 */
import { historicalContributions } from '#quant/contributions.ts';
import {
  type Holdings,
  leastScenarios,
  METHOD_NAMES,
  type Method,
  type MethodFigures,
  tailsBy,
} from '#quant/methods.ts';
import type { ScenarioBook } from '#quant/scenario-book.ts';
import { beta, correlationMatrix, ledoitWolf, type SquareMatrix, standardDeviation } from '#quant/statistics.ts';
import type { Tail } from '#quant/tail.ts';
import type { RiskContribution, RiskTail, SectorExposure } from '#schemas/generated/types.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { RiskSettings } from './settings.ts';

/** Open positions of a portfolio. */
export interface Exposures {
  /** Ascending by code units. */
  readonly instruments: readonly string[];
  /** quantity × multiplier × mark of each, base currency; NaN where there is no mark or no rate. */
  readonly amounts: Float64Array;
}
const TRADING_DAYS = 252;
/** Moments of fewer days say little. */
const LEAST_DAYS = 30;
/** More would make the record large: the pairs grow with the square. */
const MOST_LISTED = 50;

/** Long, short, gross and net of what has a mark. */
export function exposureFigures({ instruments, amounts }: Exposures, equity: number | null) {
  let longExposure = 0;
  let shortExposure = 0;
  for (const amount of amounts) {
    if (amount > 0) longExposure += amount;
    else if (amount < 0) shortExposure += amount;
  }
  const grossExposure = longExposure - shortExposure;
  return {
    longExposure,
    shortExposure,
    grossExposure,
    netExposure: longExposure + shortExposure,
    leverage: equity !== null && equity > 0 ? grossExposure / equity : null,
    openPositions: instruments.length,
    unpriced: instruments.filter((_, index) => Number.isNaN(amounts[index])),
  };
}

/** Herfindahl index and shares of gross exposure; exposure by sector, largest first. `sectors`: of each instrument, '' for none. */
export function concentration({ amounts }: Exposures, sectors: readonly string[]) {
  const sizes = [...amounts].map((amount) => (Number.isNaN(amount) ? 0 : Math.abs(amount)));
  const gross = sizes.reduce((sum, size) => sum + size, 0);
  const shares = sizes.map((size) => (gross > 0 ? size / gross : 0)).sort((a, b) => b - a);
  const bySector = new Map<string, { net: number; gross: number }>();
  sectors.forEach((sector, index) => {
    const row = bySector.get(sector) ?? { net: 0, gross: 0 };
    const amount = Number.isNaN(amounts[index]) ? 0 : amounts[index]!;
    bySector.set(sector, { net: row.net + amount, gross: row.gross + Math.abs(amount) });
  });
  const rows = [...bySector].map(([sector, row]): SectorExposure => ({ sector, ...row }));
  return {
    herfindahl: shares.reduce((sum, share) => sum + share * share, 0),
    largestShare: shares[0] ?? 0,
    topFiveShare: Math.min(
      1,
      shares.slice(0, 5).reduce((sum, share) => sum + share, 0),
    ),
    sectors: rows.sort((a, b) => b.gross - a.gross || (a.sector < b.sector ? -1 : 1)),
  };
}

/** An entry of `measures`. */
export function tailEntry(
  method: Method,
  confidence: number,
  scenarios: number,
  figures: Pick<MethodFigures, 'horizonDays' | 'sampling' | 'paths'>,
  tail: Tail | null,
  problem: string | null = null,
  stressWindow: string | null = null,
): RiskTail {
  const { horizonDays, sampling, paths } = figures;
  return {
    method,
    confidence,
    horizonDays,
    stressWindow,
    valueAtRisk: tail?.valueAtRisk ?? null,
    expectedShortfall: tail?.expectedShortfall ?? null,
    scenarios,
    sampling,
    paths,
    problem,
  };
}

/** Entries without figures, for every level and horizon of the settings. */
export function noTails(
  method: Method,
  horizonsDays: readonly number[],
  { confidences }: RiskSettings,
  scenarios: number,
  problem: string,
  stressWindow: string | null = null,
): RiskTail[] {
  return horizonsDays.flatMap((horizonDays) =>
    confidences.map((level) =>
      tailEntry(method, level, scenarios, { horizonDays, sampling: null, paths: 0 }, null, problem, stressWindow),
    ),
  );
}

const tooShort = (method: Method, level: number) =>
  `HISTORY_TOO_SHORT: ${method} needs ${leastScenarios(method, level)} days at this level`;

/** One method at every level and the given horizons. What it cannot say has its problem in place of figures. */
export function tailsOf(
  method: Method,
  holdings: Holdings,
  horizonsDays: readonly number[],
  settings: RiskSettings,
  seed: string,
  stressWindow: string | null = null,
): RiskTail[] {
  const scenarios = holdings.profits.length;
  const { confidences, paths, sampling } = settings;
  const possible = confidences.filter((level) => scenarios >= leastScenarios(method, level));
  const short = confidences.filter((level) => !possible.includes(level));
  const missing = short.flatMap((level) => {
    const one = { ...settings, confidences: [level] };
    return noTails(method, horizonsDays, one, scenarios, tooShort(method, level), stressWindow);
  });
  if (possible.length === 0) return missing;
  try {
    const figures = tailsBy(method, holdings, { confidences: possible, horizonsDays, seed, paths, sampling });
    const known = figures.flatMap((each) =>
      possible.map((level, index) => tailEntry(method, level, scenarios, each, each.tails[index]!, null, stressWindow)),
    );
    return [...known, ...missing];
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    return noTails(method, horizonsDays, settings, scenarios, `${error.code}: ${error.message}`, stressWindow);
  }
}

/** Historical VaR and ES one day ahead from the live book: what is renewed on every update. */
export function liveTails(book: ScenarioBook, { confidences }: RiskSettings): RiskTail[] {
  const tails = book.tails();
  return confidences.map((level, index) => {
    const least = leastScenarios('historical', level);
    if (book.scenarios >= least) return tailEntry('historical', level, book.scenarios, ONE_DAY, tails[index]!);
    return tailEntry('historical', level, book.scenarios, ONE_DAY, null, tooShort('historical', level));
  });
}
const ONE_DAY = { horizonDays: 1, sampling: null, paths: 0 };

/** Which methods and horizons are detail: all but historical VaR one day ahead. */
export const detailMethods = ({ horizonsDays }: RiskSettings): { method: Method; horizons: readonly number[] }[] =>
  METHOD_NAMES.map((method) => ({
    method,
    horizons: method === 'historical' ? horizonsDays.filter((days) => days > 1) : horizonsDays,
  })).filter(({ horizons }) => horizons.length > 0);

/** Nothing is held: no risk, by every method. */
export function zeroTails(
  method: Method,
  horizonsDays: readonly number[],
  { confidences }: RiskSettings,
  stressWindow: string | null = null,
): RiskTail[] {
  const none = { valueAtRisk: 0, expectedShortfall: 0 };
  return horizonsDays.flatMap((horizonDays) =>
    confidences.map((level) => tailEntry(method, level, 0, { ...ONE_DAY, horizonDays }, none, null, stressWindow)),
  );
}

/** What each position adds to VaR and ES; none where history is too short for the level, or nothing is held. */
export function contributionsOf(
  { instruments, amounts }: Exposures,
  { profits, returns }: Holdings,
  confidence: number,
): RiskContribution[] {
  if (instruments.length === 0 || profits.length < leastScenarios('historical', confidence)) return [];
  return historicalContributions(profits, amounts, returns, confidence).map((contribution, index) => ({
    instrument: instruments[index]!,
    exposure: amounts[index]!,
    ...contribution,
  }));
}

/** Volatility and beta of the holdings' profits over equity; null where they are not defined. `benchmark`: its returns on the same days. */
export function sensitivity({ profits }: Holdings, equity: number | null, benchmark: Float64Array | null) {
  if (equity === null || equity <= 0 || profits.length < LEAST_DAYS) return { volatility: null, beta: null };
  return {
    volatility: (standardDeviation(profits) / equity) * Math.sqrt(TRADING_DAYS),
    beta: benchmark && attempt(() => beta(profits, benchmark) / equity),
  };
}

/** How instruments go together; those that never move are left out. */
export function dependence({ instruments }: Exposures, { returns }: Holdings) {
  const moving = [...returns.keys()].filter((index) => returns[index]!.some((value) => value !== returns[index]![0]));
  if (moving.length < 2 || returns[0]!.length < LEAST_DAYS)
    return { averageCorrelation: null, shrinkage: null, correlationInstruments: [], correlations: [] };
  const rows = moving.map((index) => returns[index]!);
  const shrunk = ledoitWolf(rows);
  const pairs = aboveDiagonal(correlationMatrix(shrunk.sample));
  const isListed = moving.length <= MOST_LISTED;
  return {
    averageCorrelation: pairs.reduce((sum, value) => sum + value, 0) / pairs.length,
    shrinkage: shrunk.shrinkage,
    correlationInstruments: isListed ? moving.map((index) => instruments[index]!) : [],
    correlations: isListed ? aboveDiagonal(correlationMatrix(shrunk)) : [],
  };
}

function aboveDiagonal({ size, values }: SquareMatrix): number[] {
  const pairs: number[] = [];
  for (let row = 0; row < size; row++)
    for (let column = row + 1; column < size; column++) pairs.push(values[row * size + column]!);
  return pairs;
}

/** The figure, or null where there is nothing to relate to. */
function attempt(figure: () => number): number | null {
  try {
    return figure();
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'NO_VARIATION') return null;
    throw error;
  }
}
