/** Columns of known behaviour, and what training would say of them. */
import type { ColumnReference } from '#ml/drift/reference.ts';
import type { Random } from '#streams/kit/random.ts';

const QUANTILES = 51;
const DIGITS = 9;
const MAX_AUTOCORRELATION = 0.99;
const MAX_LAG = 60;
const CLUSTER = 63;
const NOISE = 1.64;

/** The same as ml/train/drift_reference.py, of means of blocks. A golden test holds the two together. */
export function referenceOf(name: string, means: ArrayLike<number>): ColumnReference {
  const values = Float64Array.from(means);
  const count = values.length;
  const mean = average(values);
  const spread = Math.sqrt(average(values.map((value) => (value - mean) ** 2)));
  const deviation = spread <= 1e-12 * Math.max(1, Math.abs(mean)) ? 0 : spread;
  const levels = values.map((value) => (deviation > 0 ? (value - mean) / deviation : 0));
  const correlation = average(levels.subarray(1).map((level, index) => level * levels[index]!));
  const isNoise = deviation === 0 || Math.abs(correlation) < 2 / Math.sqrt(count);
  const autocorrelation = isNoise ? 0 : Math.min(MAX_AUTOCORRELATION, Math.max(-MAX_AUTOCORRELATION, correlation));
  const innovations = levels.map((level, index) =>
    index === 0 ? level : (level - autocorrelation * levels[index - 1]!) / Math.sqrt(1 - autocorrelation ** 2),
  );
  const sorted = innovations.toSorted();
  const quantiles = Array.from({ length: QUANTILES }, (_, index) =>
    Number(quantileOf(sorted, index / (QUANTILES - 1)).toPrecision(DIGITS)),
  );
  const places = innovations.map(
    (value) => (firstAfter(sorted, value, false) + firstAfter(sorted, value, true)) / (2 * count),
  );
  const levelPersistence = persistenceOf(places);
  const sizes = places.map((place) => Math.abs(2 * place - 1));
  const sizePersistence = Math.max(persistenceOf(sizes), clustersOf(sizes));
  return { name, blocks: count, mean, deviation, autocorrelation, quantiles, levelPersistence, sizePersistence };
}

const average = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

function quantileOf(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)]!;
  return low + (at - Math.floor(at)) * (sorted[Math.ceil(at)]! - low);
}

/** How many sorted values are below one; with `equal`, below or the same. */
function firstAfter(sorted: Float64Array, value: number, equal: boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value || (equal && sorted[middle] === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function persistenceOf(values: Float64Array): number {
  const mean = average(values);
  const centred = values.map((value) => value - mean);
  const variance = average(centred.map((value) => value * value));
  if (variance <= 0) return 1;
  let total = 1;
  for (let lag = 1; lag <= Math.min(MAX_LAG, Math.floor(values.length / 4)); lag++) {
    const product = average(centred.subarray(lag).map((value, index) => value * centred[index]!)) / variance;
    if (product < NOISE / Math.sqrt(values.length)) break;
    total += 2 * product;
  }
  return total;
}

/** The variance of means of a quarter over what it would be of independent values. */
function clustersOf(values: Float64Array): number {
  const whole = Math.floor(values.length / CLUSTER) * CLUSTER;
  const recent = values.subarray(values.length - whole);
  const variance = varianceOf(recent);
  if (whole < 4 * CLUSTER || variance <= 0) return 1;
  const means = Float64Array.from({ length: whole / CLUSTER }, (_, at) =>
    average(recent.subarray(at * CLUSTER, (at + 1) * CLUSTER)),
  );
  const ratio = (CLUSTER * varianceOf(means)) / variance;
  return ratio < 1 + 2 * Math.sqrt(2 / (means.length - 1)) ? 1 : ratio;
}

function varianceOf(values: Float64Array): number {
  const mean = average(values);
  return average(values.map((value) => (value - mean) ** 2));
}

/** Kinds of columns: standard deviation one, mean zero, no change. */
export const KINDS = {
  independent: (random: Random) => () => random.normal(),
  'AR(1) 0.9': (random: Random) => autoregressive(random, 0.9),
  'AR(1) 0.98': (random: Random) => autoregressive(random, 0.98),
  /** Alpha 0.08, beta 0.9, as of daily returns of shares. */
  'GARCH(1,1)': (random: Random) => {
    let variance = 1;
    return () => {
      const value = Math.sqrt(variance) * random.normal();
      variance = 0.02 + 0.08 * value * value + 0.9 * variance;
      return value;
    };
  },
  'Student t, 3': (random: Random) => () => {
    const chi = Array.from({ length: 3 }, () => random.normal() ** 2).reduce((sum, square) => sum + square, 0);
    return random.normal() / Math.sqrt(chi);
  },
  /** As of a weekday, or of a count. */
  'five values': (random: Random) => () => random.below(5) - 2,
} as const satisfies Record<string, (random: Random) => () => number>;
export type Kind = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS) as Kind[];

function autoregressive(random: Random, phi: number): () => number {
  let level = random.normal();
  return () => {
    const value = level;
    level = phi * level + Math.sqrt(1 - phi * phi) * random.normal();
    return value;
  };
}
