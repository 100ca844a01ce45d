/** What a prediction needs of a model; files and the registry are read elsewhere. */
export interface BreachScorer {
  /** 12 hexadecimal digits. */
  readonly version: string;
  /** Newest event time that its labels looked at, microseconds. */
  readonly trainedUntil: number;
  /** Medians of its training rows, in the order of the features: what contributions are measured against. */
  readonly medians: Float64Array;
  /** Rows of features one after the other in, three probabilities a row out (1, 5 and 20 days). */
  score(rows: Float64Array, count: number): Promise<Float64Array>;
}

/** Models by what could have been known. */
export interface BreachModels {
  /** The model that may score a limit of this type on this day (ISO 8601); null: none, the closed form is said. */
  champion(date: string, type: string): Promise<BreachScorer | null>;
  /** The candidate that scores beside it; null without one. */
  shadow(date: string, type: string): Promise<BreachScorer | null>;
}
