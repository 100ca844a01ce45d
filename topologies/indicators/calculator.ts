import type { IndicatorSpec } from '#quant/indicators/spec.ts';
import { barProblem } from '#schemas/checks.ts';
import type { Bar, IndicatorValues } from '#schemas/generated/types.ts';
import type { KeyValueStore, Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';
import type { KeptState } from '../kit/journal.ts';
import { Lane, type Vector } from './lane.ts';
import type { KeptBar } from './stored.ts';

/** Which indicators, of which bars. */
export interface CalculatorOptions {
  readonly specs: readonly IndicatorSpec[];
  readonly intervals: readonly Bar['interval'][];
}
type Cause = Pick<Bar, 'eventTime' | 'instrument' | 'interval' | 'final'>;

/**
 * By instrument and length of bars: indicators as of each final bar, at once; as of the provisional one behind them, once a commit. A bar that a
 * late trade changed gives those of every bar since then again.
 */
export class Calculator implements Processor<Bar | null> {
  readonly #context: ProcessorContext;
  readonly #options: CalculatorOptions;
  readonly #barsTopic: string;
  readonly #bars: KeyValueStore<KeptBar>;
  readonly #states: KeyValueStore<KeptState>;
  readonly #lanes = new Map<string, Lane>();
  /** What changed a provisional vector last that is not published yet, by lane. */
  readonly #pending = new Map<Lane, Cause>();

  constructor(context: ProcessorContext, barsTopic: string, options: CalculatorOptions) {
    this.#context = context;
    this.#options = options;
    this.#barsTopic = barsTopic;
    this.#bars = context.store('kept-bars');
    this.#states = context.store('kept-states');
  }

  process({ key, value: bar }: StreamRecord<Bar | null>): void {
    const problem = barProblem(key, bar);
    if (problem) {
      this.#context.reject(problem.code, problem.reason);
      return;
    }
    if (!this.#options.intervals.includes(bar!.interval)) return;
    const lane = this.#lane(`${bar!.instrument}/${bar!.interval}`);
    if (bar!.final) this.#end(lane, bar!);
    else if (lane.update(bar!)) this.#pending.set(lane, bar!);
    else this.#context.count('stale-bar');
  }

  beforeCommit(): void {
    for (const [lane, cause] of this.#pending) {
      const vector = lane.provisional;
      if (vector) this.#publish(lane, vector, { ...cause, final: false });
    }
    this.#pending.clear();
  }

  #end(lane: Lane, bar: Bar): void {
    const vectors = lane.end(bar);
    if (!vectors) {
      this.#context.late(`The bar came too late for the ${bar.interval} indicators of ${bar.instrument}`);
      return;
    }
    for (const vector of vectors) this.#publish(lane, vector, bar);
    // What lasts still rests on what has changed; or it is over now.
    if (lane.provisional) this.#pending.set(lane, bar);
    else this.#pending.delete(lane);
  }

  #lane(key: string): Lane {
    let lane = this.#lanes.get(key);
    if (!lane) {
      lane = new Lane({ key, specs: this.#options.specs, bars: this.#bars, states: this.#states });
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #publish(lane: Lane, { bar, values, count }: Vector, { eventTime, instrument, interval, final }: Cause): void {
    const value: IndicatorValues = {
      eventTime,
      instrument,
      interval,
      startTime: bar.startTime,
      endTime: bar.endTime,
      close: bar.close,
      final,
      revision: bar.revision,
      bars: count,
      values: lane.names.map((name, index) => {
        const result = values[index]!;
        return { name, value: Number.isFinite(result) ? result : null };
      }),
      sourceTopic: this.#barsTopic,
      sourceEventTime: eventTime,
    };
    this.#context.forward('to-indicators', instrument, value, Math.floor(eventTime / 1000));
  }
}
