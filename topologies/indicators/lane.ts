import { IndicatorSet } from '#quant/indicators/set.ts';
import type { IndicatorSpec } from '#quant/indicators/spec.ts';
import type { Bar } from '#schemas/generated/types.ts';
import type { KeyValueStore } from '#streams/topology/types.ts';
import { Journal, type KeptState } from '../kit/journal.ts';
import type { KeptBar } from './stored.ts';

/** Bars between two states that are kept: late trades reach back 120 bars at most. */
const STATE_EVERY = 128;

/** Whose bars these are, where they are kept, and what is calculated of them. */
export interface LaneOptions {
  /** instrument/interval */
  readonly key: string;
  readonly specs: readonly IndicatorSpec[];
  readonly bars: KeyValueStore<KeptBar>;
  readonly states: KeyValueStore<KeptState>;
}

/** Indicators as of a bar. */
export interface Vector {
  readonly bar: Prices & { readonly revision: number };
  /** In the order of the lane's names; NaN where there is none. */
  readonly values: Float64Array;
  /** Bars that they rest on. */
  readonly count: number;
}

type Prices = Pick<Bar, 'startTime' | 'endTime' | 'open' | 'high' | 'low' | 'close' | 'volume'>;

const isSame = (a: Omit<Prices, 'startTime'>, b: Prices) =>
  a.open === b.open && a.high === b.high && a.low === b.low && a.close === b.close && a.volume === b.volume;

/**
 * Indicators of the bars of one instrument and length. They are a function of the final bars in the order of their intervals (kit/journal.ts), and of
 * the provisional one behind them.
 */
export class Lane {
  readonly #specs: readonly IndicatorSpec[];
  readonly #journal: Journal<KeptBar>;
  #set: IndicatorSet;
  /** The bar whose interval lasts. */
  #open: Prices | null = null;

  constructor({ key, specs, bars, states }: LaneOptions) {
    this.#specs = specs;
    const maker = specs.map(({ text }) => text).join(' ');
    this.#journal = new Journal({ key, items: bars, states, maker, stateEvery: STATE_EVERY });
    this.#set = new IndicatorSet(specs);
    const { next } = this.#journal;
    this.#calculate(next);
    // Other indicators than before: from here on they do not depend on when a process begins.
    if (!this.#journal.isWholeBefore(next)) this.#journal.keepState(next, this.#set.snapshot());
  }

  /** Names of the values. */
  get names(): readonly string[] {
    return this.#set.names;
  }
  /** As of the bar whose interval lasts; null where none does. */
  get provisional(): Vector | null {
    return this.#open && this.#vector({ ...this.#open, revision: 0 });
  }

  /** A bar whose interval lasts; false when a later one is final already. */
  update(bar: Prices): boolean {
    const { newest } = this.#journal;
    if (newest && bar.startTime <= newest.time) return false;
    this.#apply(bar);
    this.#open = bar;
    return true;
  }

  /** A bar whose interval is over: the indicators of each bar that it changes; null when it comes too late for that. */
  end(bar: Prices): readonly Vector[] | null {
    const { newest } = this.#journal;
    const open = this.#open;
    let vectors: readonly Vector[];
    if (newest && bar.startTime <= newest.time) {
      const known = this.#journal.find(bar.startTime);
      if (known && isSame(known, bar)) return [];
      const number = this.#journal.put(keptBar(bar));
      if (number === null) return null;
      vectors = this.#calculate(number);
      this.#open = null;
    } else {
      this.#apply(bar);
      this.#open = null;
      const number = this.#journal.put(keptBar(bar))!;
      this.#journal.keepStateAfter(number, () => this.#set.snapshot());
      vectors = [this.#vector({ ...bar, revision: 0 })];
    }
    if (open && open.startTime > bar.startTime) this.update(open);
    return vectors;
  }

  #apply({ open, high, low, close, volume }: Omit<Prices, 'startTime'>): void {
    if (this.#open) this.#set.replace(open, high, low, close, volume ?? Number.NaN);
    else this.#set.update(open, high, low, close, volume ?? Number.NaN);
  }

  /** Calculates up to the newest final bar, beginning before bar `number`: the indicators from there on. */
  #calculate(number: number): Vector[] {
    const vectors: Vector[] = [];
    const { state, items } = this.#journal.startBefore(number);
    this.#set = new IndicatorSet(this.#specs);
    if (state) this.#set.restore(state);
    this.#open = null;
    for (const bar of items) {
      this.#apply(bar);
      if (bar.number < number) continue;
      this.#journal.keepStateAfter(bar.number, () => this.#set.snapshot());
      vectors.push(this.#vector({ ...bar, startTime: bar.time }));
    }
    return vectors;
  }

  #vector(bar: Vector['bar']): Vector {
    return { bar, values: this.#set.values.slice(), count: this.#set.count };
  }
}

const keptBar = ({ startTime, endTime, open, high, low, close, volume }: Prices) => ({
  time: startTime,
  endTime,
  open,
  high,
  low,
  close,
  volume,
});
