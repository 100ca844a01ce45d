import { TidemarkError } from '#streams/kit/errors.ts';
import { requireFinite } from '../checks.ts';
import { Bars } from './bars.ts';
import { Memory } from './memory.ts';
import type { IndicatorSpec } from './spec.ts';
import type { Indicator, SeriesIndicator } from './types.ts';

/** One indicator of the set. */
interface Member {
  readonly indicator: Indicator;
  readonly memory: Memory;
  readonly outputs: Float64Array;
  readonly needsVolume: boolean;
}

class OfSeries implements Indicator {
  readonly #series: SeriesIndicator;
  readonly #source: NonNullable<IndicatorSpec['source']>;

  constructor(series: SeriesIndicator, source: NonNullable<IndicatorSpec['source']>) {
    this.#series = series;
    this.#source = source;
  }

  step(bars: Bars, outputs: Float64Array): void {
    this.#series.step(bars[this.#source][bars.index & bars.mask]!, outputs);
  }
}

/**
 * Indicators of one instrument, updated bar by bar: the cost of an update does not depend on how many bars there were.
 * As long as the newest bar changes, `replace` gives what the indicators are with the bar as it is now.
 */
export class IndicatorSet {
  readonly specs: readonly IndicatorSpec[];
  /** Names of `values`, in their order: `RSI(14)`, or with an output where there are several, `MACD(12,26,9).macdsignal`. */
  readonly names: readonly string[];
  /** Newest values; NaN where not defined yet. Changes in place. */
  readonly values: Float64Array;
  readonly #bars = new Bars();
  readonly #memory = new Memory();
  readonly #volumeMemory = new Memory();
  readonly #members: readonly Member[];
  #count = 0;

  constructor(specs: readonly IndicatorSpec[]) {
    this.specs = specs;
    this.names = specs.flatMap(({ definition: { outputs }, text }) =>
      outputs.length === 1 ? [text] : outputs.map((output) => `${text}.${output}`),
    );
    this.values = new Float64Array(this.names.length).fill(Number.NaN);
    let place = 0;
    this.#members = specs.map(({ definition, parameters, source }) => {
      const outputs = this.values.subarray(place, place + definition.outputs.length);
      place += outputs.length;
      const needsVolume = 'bars' in definition ? definition.inputs.includes('volume') : source === 'volume';
      const memory = needsVolume ? this.#volumeMemory : this.#memory;
      const indicator =
        'bars' in definition
          ? definition.bars(memory, parameters)
          : new OfSeries(definition.series(memory, parameters), source!);
      return { indicator, memory, outputs, needsVolume };
    });
  }

  /** Bars so far. */
  get count(): number {
    return this.#count;
  }

  /**
   * The next bar. Prices are finite, low ≤ open, close ≤ high; volume is at least 0, or NaN where it is not known: indicators that need it begin
   * again with the next bar that has one. VALUE_NOT_FINITE or PARAMETER_INVALID, before anything is changed.
   */
  update(open: number, high: number, low: number, close: number, volume = Number.NaN): void {
    requireBar(open, high, low, close, volume);
    this.#memory.save();
    this.#volumeMemory.save();
    this.#count++;
    this.#bars.index++;
    this.#step(open, high, low, close, volume);
  }

  /** The newest bar as it is now. HISTORY_TOO_SHORT before the first; else as `update`. */
  replace(open: number, high: number, low: number, close: number, volume = Number.NaN): void {
    if (this.#count === 0) throw new TidemarkError('HISTORY_TOO_SHORT', 'There is no bar yet that could be replaced');
    requireBar(open, high, low, close, volume);
    this.#memory.undo();
    this.#volumeMemory.undo();
    this.#step(open, high, low, close, volume);
  }

  #step(open: number, high: number, low: number, close: number, volume: number): void {
    const bars = this.#bars;
    bars.set(open, high, low, close, volume);
    const hasVolume = !Number.isNaN(volume);
    if (!hasVolume) this.#volumeMemory.reset();
    this.#memory.stepShared(bars);
    const members = this.#members;
    for (let index = 0; index < members.length; index++) {
      const { indicator, outputs, needsVolume } = members[index]!;
      if (hasVolume || !needsVolume) indicator.step(bars, outputs);
      else outputs.fill(Number.NaN);
    }
  }

  /** All that is needed to go on elsewhere, newest values included. */
  snapshot(): Float64Array {
    const parts = this.#parts();
    const result = new Float64Array(1 + parts.reduce((sum, { length }) => sum + length, 0));
    result[0] = this.#count;
    let at = 1;
    for (const part of parts) {
      result.set(part, at);
      at += part.length;
    }
    return result;
  }

  /** Goes on from a snapshot of a set with the same indicators; SHAPE_MISMATCH where it is of others. */
  restore(snapshot: Float64Array): void {
    const parts = this.#parts();
    const length = 1 + parts.reduce((sum, part) => sum + part.length, 0);
    if (snapshot.length !== length)
      throw new TidemarkError('SHAPE_MISMATCH', `A snapshot of ${snapshot.length} numbers, ${length} are needed`);
    this.#count = snapshot[0]!;
    this.#bars.index = this.#count - 1;
    let at = 1;
    for (const part of parts) {
      part.set(snapshot.subarray(at, at + part.length));
      at += part.length;
    }
  }

  #parts(): readonly Float64Array[] {
    const { open, high, low, close, volume } = this.#bars;
    return [open, high, low, close, volume, this.values, ...this.#memory.parts(), ...this.#volumeMemory.parts()];
  }
}

function requireBar(open: number, high: number, low: number, close: number, volume: number): void {
  const isSound = low <= open && low <= close && open <= high && close <= high && !(volume < 0);
  if (
    isSound &&
    low > Number.NEGATIVE_INFINITY &&
    high < Number.POSITIVE_INFINITY &&
    volume !== Number.POSITIVE_INFINITY
  )
    return;
  requireFinite([open, high, low, close], 'bar');
  throw new TidemarkError(
    'PARAMETER_INVALID',
    `A bar with open ${open}, high ${high}, low ${low}, close ${close}, volume ${volume}: low must be lowest, high highest, volume not below 0`,
  );
}
