/** Tells when what a model sees, or what it says, is no longer what it was trained on. */
import { TidemarkError } from '#streams/kit/errors.ts';
import { ColumnMonitor, type ColumnSnapshot, type ColumnState } from './column.ts';
import type { ColumnReference } from './reference.ts';

/** Blocks after an alarm in which there is no other one: a retraining needs data of after the change. */
export const COOL_DOWN_BLOCKS = 126;

export interface DriftReference {
  /** Microseconds of event time. */
  readonly blockMicros: number;
  /** Features, then outputs. */
  readonly columns: readonly ColumnReference[];
}
export interface DriftedColumn extends ColumnState {
  readonly name: string;
}
export interface DriftAlarm {
  /** End of the block that was the last to show it, microseconds UTC. */
  readonly eventTime: number;
  /** Where at least two detectors agree. */
  readonly columns: readonly DriftedColumn[];
}
export interface DriftSnapshot {
  readonly block: number | null;
  readonly sums: readonly number[];
  readonly counts: readonly number[];
  readonly quietBlocks: number;
  readonly late: number;
  readonly columns: readonly ColumnSnapshot[];
}

/**
 * Watches the features and scores of one version of a model. Rows of one block (a day) are averaged, as they were in training: rows of a day are
 * about the same market and would count for more than they are. There is an alarm where two of ADWIN, Page and Hinkley's test and
 * population stability agree on a column (docs/models.md says how they are set, and how often they are wrong). Memory is bounded by the number of
 * columns; it goes by event time alone, so a replay alarms as the first run did.
 */
export class DriftMonitor {
  readonly #blockMicros: number;
  readonly #columns: readonly ColumnMonitor[];
  readonly #sums: Float64Array;
  readonly #counts: Float64Array;
  #block: number | null = null;
  #quietBlocks = 0;
  #late = 0;

  /** `snapshot`: where another monitor of the same model was. Throws SHAPE_MISMATCH where it is of another one. */
  constructor({ blockMicros, columns }: DriftReference, snapshot: DriftSnapshot | null = null) {
    if (snapshot && snapshot.columns.length !== columns.length)
      throw new TidemarkError(
        'SHAPE_MISMATCH',
        `The snapshot has ${snapshot.columns.length} columns, the model ${columns.length}`,
      );
    this.#blockMicros = blockMicros;
    this.#columns = columns.map((column, index) =>
      snapshot
        ? ColumnMonitor.restore(column, columns.length, snapshot.columns[index]!)
        : new ColumnMonitor(column, columns.length),
    );
    this.#sums = new Float64Array(columns.length);
    this.#counts = new Float64Array(columns.length);
    if (!snapshot) return;
    this.#sums.set(snapshot.sums);
    this.#counts.set(snapshot.counts);
    this.#block = snapshot.block;
    this.#quietBlocks = snapshot.quietBlocks;
    this.#late = snapshot.late;
  }

  /** Rows that came after their block was over; they are left out. */
  get late(): number {
    return this.#late;
  }

  /**
   * Takes rows of one event time, row after row: count × features doubles, and count × outputs doubles. Returns an alarm when they end a block that gives
   * one, else null. Values that are not finite are left out. Throws SHAPE_MISMATCH, EVENT_TIME_INVALID.
   */
  observe(eventTime: number, features: Float64Array, scores: Float64Array, count: number): DriftAlarm | null {
    const width = this.#columns.length;
    if (!Number.isInteger(count) || count < 0 || features.length + scores.length !== count * width)
      throw new TidemarkError(
        'SHAPE_MISMATCH',
        `${features.length} features and ${scores.length} scores are not ${count} rows of ${width} columns`,
      );
    if (!Number.isSafeInteger(eventTime))
      throw new TidemarkError('EVENT_TIME_INVALID', `The event time ${eventTime} is no whole number of microseconds`);
    if (count === 0) return null;
    const block = Math.floor(eventTime / this.#blockMicros);
    if (this.#block !== null && block < this.#block) {
      this.#late += count;
      return null;
    }
    const alarm = this.#block !== null && block > this.#block ? this.#endBlock() : null;
    this.#block = block;
    this.#add(features, 0, features.length / count);
    this.#add(scores, features.length / count, scores.length / count);
    return alarm;
  }

  snapshot(): DriftSnapshot {
    return {
      block: this.#block,
      sums: [...this.#sums],
      counts: [...this.#counts],
      quietBlocks: this.#quietBlocks,
      late: this.#late,
      columns: this.#columns.map((column) => column.snapshot()),
    };
  }

  #add(values: Float64Array, from: number, width: number): void {
    for (let at = 0; at < values.length; at++) {
      const value = values[at]!;
      if (!(Math.abs(value) < Infinity)) continue;
      const column = from + (at % width);
      this.#sums[column]! += value;
      this.#counts[column]!++;
    }
  }

  #endBlock(): DriftAlarm | null {
    const states = this.#columns.map((column, index) => column.push(this.#sums[index]! / this.#counts[index]!));
    this.#sums.fill(0);
    this.#counts.fill(0);
    if (this.#quietBlocks > 0) {
      this.#quietBlocks--;
      return null;
    }
    const drifted = states.flatMap((state, index) =>
      state.detectors.length >= 2 ? [{ name: this.#columns[index]!.reference.name, ...state }] : [],
    );
    if (drifted.length === 0) return null;
    this.#quietBlocks = COOL_DOWN_BLOCKS;
    for (const column of this.#columns) column.restart();
    return { eventTime: (this.#block! + 1) * this.#blockMicros, columns: drifted };
  }
}
