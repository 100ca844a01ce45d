/** One line of the readiness report. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What is wrong, or a short word on why it is right. */
  readonly reason: string;
  readonly lagRecords?: number;
  /** Milliseconds since the position moved last; null when it was never seen to move. */
  readonly movedMsAgo?: number | null;
  /** Lag per input, where there are several. */
  readonly inputs?: Readonly<Record<string, number>>;
}

/** How far a reader is in one input: per partition its next offset and the end. */
export interface InputProgress {
  readonly topic: string;
  readonly next: readonly number[];
  readonly end: readonly number[];
}

export interface ProgressBounds {
  readonly maxLagRecords: number;
  /** A reader that is behind must have moved within this time. */
  readonly freshMs: number;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Records behind, over all partitions. */
export const lagOf = ({ next, end }: InputProgress): number =>
  sum(end.map((last, partition) => Math.max(0, last - Math.max(0, next[partition] ?? 0))));

/** Judges one reader (a consumer group, a sink) from its successive positions: exhausted, moving, stuck or too far behind. */
export class ProgressTracker {
  readonly #name: string;
  readonly #bounds: ProgressBounds;
  #position: number | undefined;
  #movedAtMs: number | undefined;

  constructor(name: string, bounds: ProgressBounds) {
    this.#name = name;
    this.#bounds = bounds;
  }

  /** Takes a sample and judges it. */
  check(inputs: readonly InputProgress[], nowMs: number): Check {
    const position = sum(inputs.map(({ next }) => sum(next.map((offset) => Math.max(0, offset)))));
    if (this.#position !== undefined && position !== this.#position) this.#movedAtMs = nowMs;
    this.#position = position;
    const lags = inputs.map((input) => [input.topic, lagOf(input)] as const);
    const lagRecords = sum(lags.map(([, lag]) => lag));
    const movedMsAgo = this.#movedAtMs === undefined ? null : nowMs - this.#movedAtMs;
    const { maxLagRecords, freshMs } = this.#bounds;
    const figures = { name: this.#name, lagRecords, movedMsAgo, inputs: Object.fromEntries(lags) };
    if (lagRecords === 0) return { ...figures, ok: true, reason: 'inputs exhausted' };
    if (lagRecords > maxLagRecords)
      return { ...figures, ok: false, reason: `${lagRecords} records behind; at most ${maxLagRecords} are allowed` };
    if (movedMsAgo === null)
      return { ...figures, ok: false, reason: `${lagRecords} records behind and not seen to move yet` };
    if (movedMsAgo > freshMs)
      return {
        ...figures,
        ok: false,
        reason: `${lagRecords} records behind and stuck for ${Math.round(movedMsAgo / 1000)} s`,
      };
    return { ...figures, ok: true, reason: 'moving' };
  }
}
