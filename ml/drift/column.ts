/** Watches one feature or one output of a model. */
import { chiSquareSurvival } from '#quant/distributions.ts';
import { Adwin, type AdwinSnapshot } from './adwin.ts';
import { PageHinkley, type PageHinkleySnapshot } from './page-hinkley.ts';
import { populationStability } from './population-stability.ts';
import { type ColumnReference, innovationAt, placeOf } from './reference.ts';

/** Chance per detector and model of being wrong: divided by the columns, so that a model of 30 is as quiet as one of one. */
export const DRIFT = {
  /** ADWIN's delta, per model. */
  adwinDelta: 0.01,
  /** Page and Hinkley: change that is let pass, of places from 0 to 1, whose deviation is 0.29. */
  hinkleyDelta: 0.02,
  /** Page and Hinkley: sum at which a model of one column alarms. */
  hinkleyThreshold: 12,
  /** Probability at which population stability is no chance any more, per model. */
  stabilityChance: 0.002,
  /** Blocks that population stability looks at. */
  stabilityBlocks: 252,
  /** Blocks before it looks. */
  stabilityLeast: 42,
  /**
   * Blocks of training that the detectors are shown first, as many as training had up to so many: or a drift that was there from the start would be
   * what they compare with.
   */
  warmBlocks: 2_520,
  /** Two detectors agree when their alarms are at most so many blocks apart. */
  agreementBlocks: 252,
} as const;

const BINS = 10;
const GRID = 1_000;
/** Bins with less than this share are one with their neighbour: of a column with few values. */
const LEAST_SHARE = 0.02;
/** Variance of a place that nothing has changed. */
const PLACE_VARIANCE = 1 / 12;

export const DETECTORS = ['adwin', 'page-hinkley', 'population-stability'] as const;
export type Detector = (typeof DETECTORS)[number];

export interface ColumnState {
  readonly detectors: readonly Detector[];
  /** Population stability index of the newest blocks, and how likely chance alone would give it; null before there are enough. */
  readonly stability: number | null;
  readonly chance: number | null;
}
export interface ColumnSnapshot {
  readonly blocks: number;
  /** Level of the block before, in standard deviations; null before the first. */
  readonly level: number | null;
  readonly bins: readonly number[];
  /** What is added up of levels and of sizes until it is one value. */
  readonly averages: readonly { readonly sum: number; readonly count: number }[];
  /** Block of each detector's newest alarm; null: none. */
  readonly alarms: readonly (number | null)[];
  readonly adwins: readonly AdwinSnapshot[];
  readonly hinkleys: readonly PageHinkleySnapshot[];
}

/**
 * Compares the means of blocks with training, as places from 0 to 1 among the innovations of training: what a mean is beyond what the one before lets
 * expect. Places of a column that does not drift are uniform and do not depend on each other, however it is distributed and
 * however slowly it moves, and this is what the detectors need to be right as rarely as they promise. A change of the level moves places; a
 * change of volatility moves how far they are from the middle, so both are watched.
 */
export class ColumnMonitor {
  readonly reference: ColumnReference;
  readonly #columns: number;
  readonly #bins: { readonly of: readonly number[]; readonly shares: readonly number[] };
  #adwins: [Adwin, Adwin];
  #hinkleys: [PageHinkley, PageHinkley];
  #ring: number[] = [];
  #blocks = 0;
  #level: number | null = null;
  readonly #levels: Averager;
  readonly #sizes: Averager;
  #alarms: (number | null)[] = [null, null, null];

  /** `columns`: how many the model has in all. */
  constructor(reference: ColumnReference, columns: number) {
    this.reference = reference;
    this.#columns = columns;
    this.#bins = binsOf(reference);
    this.#levels = new Averager(reference.levelPersistence);
    this.#sizes = new Averager(reference.sizePersistence);
    [this.#adwins, this.#hinkleys] = [this.#newAdwins(), this.#newHinkleys()];
    this.#warm();
  }

  /** Takes the mean of a block; the detectors that have alarmed of late are in the answer. NaN, a block without a value, changes nothing. */
  push(mean: number): ColumnState {
    if (Number.isFinite(mean)) {
      this.#blocks++;
      this.#watch(placeOf(this.#innovation(mean), this.reference));
    }
    const { stability, chance } = this.#stability();
    if (chance !== null && chance < DRIFT.stabilityChance / this.#columns) this.#alarms[2] = this.#blocks;
    const since = this.#blocks - DRIFT.agreementBlocks;
    const detectors = DETECTORS.filter((_, index) => this.#alarms[index] !== null && this.#alarms[index]! > since);
    return { detectors, stability, chance };
  }

  /** Begins anew from training: after an alarm has been told. */
  restart(): void {
    [this.#adwins, this.#hinkleys] = [this.#newAdwins(), this.#newHinkleys()];
    this.#ring = [];
    this.#alarms = [null, null, null];
    for (const averager of [this.#levels, this.#sizes]) averager.sum = averager.count = 0;
    this.#warm();
  }

  snapshot(): ColumnSnapshot {
    return {
      blocks: this.#blocks,
      level: this.#level,
      bins: [...this.#ring],
      averages: [this.#levels, this.#sizes].map(({ sum, count }) => ({ sum, count })),
      alarms: [...this.#alarms],
      adwins: this.#adwins.map((adwin) => adwin.snapshot()),
      hinkleys: this.#hinkleys.map((test) => test.snapshot()),
    };
  }

  static restore(reference: ColumnReference, columns: number, snapshot: ColumnSnapshot): ColumnMonitor {
    const monitor = new ColumnMonitor(reference, columns);
    const delta = DRIFT.adwinDelta / columns;
    monitor.#adwins = snapshot.adwins.map((one) => Adwin.restore(delta, one)) as [Adwin, Adwin];
    const parameters = hinkleyParameters(columns);
    monitor.#hinkleys = snapshot.hinkleys.map((one) => PageHinkley.restore(parameters, one)) as [
      PageHinkley,
      PageHinkley,
    ];
    monitor.#ring = [...snapshot.bins];
    monitor.#blocks = snapshot.blocks;
    monitor.#level = snapshot.level;
    Object.assign(monitor.#levels, snapshot.averages[0]);
    Object.assign(monitor.#sizes, snapshot.averages[1]);
    monitor.#alarms = [...snapshot.alarms];
    return monitor;
  }

  #innovation(mean: number): number {
    const { mean: centre, deviation, autocorrelation } = this.reference;
    // Of a constant everything else is a change, however small.
    const level = deviation > 0 ? (mean - centre) / deviation : Math.sign(mean - centre);
    const before = this.#level;
    this.#level = level;
    if (before === null) return level;
    return (level - autocorrelation * before) / Math.sqrt(1 - autocorrelation ** 2);
  }

  #watch(place: number): void {
    this.#ring.push(this.#bins.of[Math.min(BINS - 1, Math.floor(place * BINS))]!);
    if (this.#ring.length > DRIFT.stabilityBlocks) this.#ring.shift();
    const [adwin, hinkley] = this.#detect(place);
    if (adwin) this.#alarms[0] = this.#blocks;
    if (hinkley) this.#alarms[1] = this.#blocks;
  }

  /** Shows a place to the sequential detectors; whether each of the two kinds alarms. */
  #detect(place: number): [boolean, boolean] {
    const level = this.#levels.add(place);
    const size = this.#sizes.add(Math.abs(2 * place - 1));
    let [adwin, hinkley] = [false, false];
    for (const [index, value] of [level, size].entries()) {
      if (value === null) continue;
      adwin = this.#adwins[index]!.update(value) || adwin;
      hinkley = this.#hinkleys[index]!.update(value) || hinkley;
    }
    return [adwin, hinkley];
  }

  #warm(): void {
    // Van der Corput's sequence: evenly spread from its first value on.
    const blocks = Math.min(DRIFT.warmBlocks, this.reference.blocks);
    for (let index = 1; index <= blocks; index++)
      this.#detect(placeOf(innovationAt(vanDerCorput(index), this.reference), this.reference));
  }

  #stability(): { stability: number | null; chance: number | null } {
    const { shares } = this.#bins;
    const rows = this.#ring.length;
    if (rows < DRIFT.stabilityLeast || shares.length < 2) return { stability: null, chance: null };
    const counts = new Array<number>(shares.length).fill(0);
    for (const bin of this.#ring) counts[bin]!++;
    const stability = populationStability(counts, shares);
    // Under no change the index over (1/rows + 1/rows of training) is χ² with bins - 1 (Yurdakul 2018), rows counted as independent ones.
    const { blocks, levelPersistence, sizePersistence } = this.reference;
    const scale = Math.max(levelPersistence, sizePersistence) * (1 / rows + 1 / blocks);
    return { stability, chance: chiSquareSurvival(stability / scale, shares.length - 1) };
  }

  #newAdwins(): [Adwin, Adwin] {
    const delta = DRIFT.adwinDelta / this.#columns;
    return [new Adwin(delta), new Adwin(delta)];
  }

  #newHinkleys(): [PageHinkley, PageHinkley] {
    const parameters = hinkleyParameters(this.#columns);
    return [new PageHinkley(parameters), new PageHinkley(parameters)];
  }
}

/** Makes one value of as many blocks as one independent value is worth, or neighbours that go together would pass for evidence. */
class Averager {
  readonly #length: number;
  sum = 0;
  count = 0;

  constructor(length: number) {
    this.#length = length;
  }

  /** The mean when there are enough; null until then. */
  add(value: number): number | null {
    this.sum += value;
    if (++this.count < this.#length) return null;
    const mean = this.sum / this.count;
    this.sum = this.count = 0;
    return mean;
  }
}

/** The time between false alarms of such a sum grows with the exponential of 2 × delta × threshold ÷ variance: more columns, a higher one. */
const hinkleyParameters = (columns: number) => ({
  delta: DRIFT.hinkleyDelta,
  threshold: DRIFT.hinkleyThreshold + (Math.log(columns) * PLACE_VARIANCE) / (2 * DRIFT.hinkleyDelta),
});

function vanDerCorput(index: number): number {
  let value = 0;
  for (let left = index, part = 0.5; left > 0; left >>>= 1, part /= 2) value += (left & 1) * part;
  return value;
}

/** Ten bins of places, less where a column has few values; and the share of training in each. */
function binsOf(reference: ColumnReference): { of: number[]; shares: number[] } {
  const counts = new Array<number>(BINS).fill(0);
  for (let index = 0; index < GRID; index++) {
    const place = placeOf(innovationAt((index + 0.5) / GRID, reference), reference);
    counts[Math.min(BINS - 1, Math.floor(place * BINS))]! += 1 / GRID;
  }
  const of: number[] = [];
  const shares: number[] = [];
  counts.forEach((share) => {
    if (shares.length === 0 || (share >= LEAST_SHARE && shares.at(-1)! >= LEAST_SHARE)) shares.push(0);
    of.push(shares.length - 1);
    shares[shares.length - 1]! += share;
  });
  // A last bin that stayed small joins the one before it.
  if (shares.length > 1 && shares.at(-1)! < LEAST_SHARE) {
    shares[shares.length - 2]! += shares.pop()!;
    of.forEach((bin, index) => {
      of[index] = Math.min(bin, shares.length - 1);
    });
  }
  return { of, shares };
}
