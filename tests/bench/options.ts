/** What a benchmark is asked; each takes what concerns it. */
export interface BenchOptions {
  /** How often what is compared is run, in alternation. */
  readonly pairs: number;
  /** Records of a run; each benchmark has a default. */
  readonly records: number | null;
  /** The beginning of the name of a combination, as `one-per-input/100/1`; null: all. */
  readonly only: string | null;
  readonly minutes: number;
  /** Records per second. */
  readonly rate: number;
  readonly log: (text: string) => void;
}
