/** From a limit's features to what is said of it. Pure but for the models' scores, which come in batches. */
import type { BreachRow } from '#ml/features/breach.ts';
import { BASELINE, baselineOf } from '#ml/features/breach-model.ts';
import { FEATURE_NAMES, HORIZONS_DAYS } from '#ml/features/breach-table.ts';
import { BATCH_ROWS, type Contribution, contributionsOf, rowsToExplain } from '#ml/features/contributions.ts';
import type { LimitTypeName } from '#schemas/limits.ts';
import type { BreachScorer } from './models.ts';
import type { Said } from './stored.ts';

/** Figures that orders and clocks move, and no market: a diffusion says nothing of them, only a model that has seen them broken. */
const MODEL_ONLY: ReadonlySet<string> = new Set<LimitTypeName>(['order-rate', 'turnover', 'stale-data']);
const HORIZONS = HORIZONS_DAYS.length;
const LAST = HORIZONS - 1;
/** Below that a prediction is not taken apart. */
const EXPLAINED_FROM = 0.01;
/** Said again when a probability has moved by so much … */
const MATERIAL = 0.01;
/** … or by this part of it, where it is not next to nothing. */
const MATERIAL_SHARE = 0.25;
const NEXT_TO_NOTHING = 0.001;
/** And anyway when so much event time has passed, as long as records come. */
const AGAIN_MICROS = 30_000_000;

/** What is said of a limit. */
export interface Forecast {
  readonly limitId: string;
  readonly type: string;
  readonly row: BreachRow;
  state: Said['state'];
  /** For 1, 5 and 20 days; empty unless PREDICTED. */
  probabilities: readonly number[];
  /** For 5, 30 and 60 minutes; empty unless PREDICTED of a figure that moves within the day. */
  minutes: readonly number[];
  method: string | null;
  model: BreachScorer | null;
  shadow: BreachScorer | null;
  shadowProbabilities: readonly number[];
  contributions: readonly Contribution[];
}

/** A limit before any model was asked: what needs none is said already. */
export function forecastOf(limitId: string, type: string, row: BreachRow, minutes: readonly number[]): Forecast {
  const state = row.isBroken ? 'BROKEN' : row.values ? 'PREDICTED' : 'UNKNOWN';
  const isPredicted = state === 'PREDICTED';
  return {
    limitId,
    type,
    row,
    state,
    probabilities: isPredicted ? baselineOf(row.values!) : [],
    minutes: isPredicted ? minutes : [],
    method: isPredicted ? BASELINE : null,
    model: null,
    shadow: null,
    shadowProbabilities: [],
    contributions: [],
  };
}

/** Once all models were asked: takes back what the closed form cannot say. */
export function withhold(forecast: Forecast): void {
  if (forecast.state !== 'PREDICTED' || forecast.model !== null || !MODEL_ONLY.has(forecast.type)) return;
  Object.assign(forecast, {
    ...{ state: 'UNKNOWN', method: null, shadow: null },
    ...{ probabilities: [], minutes: [], shadowProbabilities: [] },
  } satisfies Partial<Forecast>);
}

/** Asks one model for all its rows at once. Scores that are no probabilities leave what was said before. */
export async function score(model: BreachScorer, forecasts: readonly Forecast[], isShadow: boolean): Promise<void> {
  const rows = new Float64Array(forecasts.length * FEATURE_NAMES.length);
  for (const [at, { row }] of forecasts.entries()) rows.set(row.values!, at * FEATURE_NAMES.length);
  const scores = await model.score(rows, forecasts.length);
  for (const [at, forecast] of forecasts.entries()) {
    // The last digits go by how many rows are scored at once: without them the same records give the same bytes.
    const own = Array.from(scores.subarray(at * HORIZONS, (at + 1) * HORIZONS), Math.fround);
    if (!own.every((p) => p >= 0 && p <= 1)) continue;
    if (isShadow) {
      forecast.shadow = model;
      forecast.shadowProbabilities = own;
    } else {
      forecast.model = model;
      forecast.method = 'model';
      forecast.probabilities = own;
    }
  }
}

/** What forecasts of one model are made of, where they are worth it. */
export async function explain(model: BreachScorer, forecasts: readonly Forecast[]): Promise<void> {
  const chosen = forecasts.filter(({ probabilities }) => probabilities[LAST]! >= EXPLAINED_FROM);
  for (const forecast of chosen) {
    const values = forecast.row.values!;
    const scores = await model.score(rowsToExplain(values, model.medians), BATCH_ROWS);
    const last = Float64Array.from({ length: BATCH_ROWS }, (_, at) => scores[at * HORIZONS + LAST]!);
    if (!last.every((p) => p >= 0 && p <= 1)) continue;
    forecast.contributions = contributionsOf(values, last).map((each) => ({
      ...each,
      logOdds: Math.fround(each.logOdds),
    }));
  }
}

/** Whether it is worth a record. */
export function isMaterial(before: Said | null, now: Forecast, eventTime: number): boolean {
  if (before === null || before.state !== now.state) return true;
  if (before.modelVersion !== (now.model?.version ?? null)) return true;
  if (before.shadowVersion !== (now.shadow?.version ?? null)) return true;
  if (eventTime - before.eventTime >= AGAIN_MICROS) return true;
  if (before.minutes.length !== now.minutes.length) return true;
  return hasMoved(before.probabilities, now.probabilities) || hasMoved(before.minutes, now.minutes);
}

const hasMoved = (before: readonly number[], now: readonly number[]): boolean =>
  now.some((p, at) => {
    const change = Math.abs(p - before[at]!);
    const larger = Math.max(p, before[at]!);
    return change >= MATERIAL || (larger >= NEXT_TO_NOTHING && change >= MATERIAL_SHARE * larger);
  });
