import { tradeProblem } from '#schemas/checks.ts';
import type { InstrumentMark, Trade } from '#schemas/generated/types.ts';
import { LANES } from '#schemas/topics.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import type { KeyValueStore, Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';
import { TIME } from '../kit/avro.ts';

/** Newest trade of an instrument, or what it is worth without a corporate action that came into effect since. */
export interface Mark {
  readonly eventTime: number;
  readonly price: number;
}

export const MARK_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'Mark',
  namespace: 'tidemark.positions',
  doc: 'Newest trade by event time, then offset; key instrument.',
  fields: [
    { name: 'eventTime', type: TIME },
    { name: 'price', type: 'double' },
  ],
};

/** Within a commit a mark is left out when a newer one of the same instrument follows it so soon, event time. */
const CONFLATE_MICROS = 1_000_000;

/**
 * By instrument: tells every partition of market.marks the newest trade, so that those who work by portfolio have the price of what a portfolio does not hold
 * yet beside its positions, in event-time order, and need no table of all trades. At most one mark a second of event time is
 * told while a transaction is open, and the newest always is. What is wrong with a trade is the book's to say; a trade
 * older than the mark moves nothing there and nothing here.
 */
export class MarkSharer implements Processor<Trade | null> {
  readonly #context: ProcessorContext;
  readonly #marks: KeyValueStore<Mark>;
  readonly #pending = new Map<string, Mark>();

  /** `marks`: what the book keeps of each instrument; read only, before the book has seen the trade or after it. */
  constructor(context: ProcessorContext) {
    this.#context = context;
    this.#marks = context.store('marks');
  }

  process({ key, value }: StreamRecord<Trade | null>): void {
    if (tradeProblem(key, value, true, this.#context.now())) return;
    const { instrument, eventTime, price } = value!;
    const pending = this.#pending.get(instrument);
    const newest = pending ?? this.#marks.get(instrument);
    if (newest && eventTime < newest.eventTime) return;
    if (pending && eventTime - pending.eventTime >= CONFLATE_MICROS) this.#share(instrument, pending);
    this.#pending.set(instrument, { eventTime, price });
  }

  beforeCommit(): void {
    for (const [instrument, mark] of this.#pending) this.#share(instrument, mark);
    this.#pending.clear();
  }

  #share(instrument: string, mark: Mark): void {
    shareMark(this.#context, instrument, mark, 'market.trades', mark.eventTime);
  }
}

/** Tells every partition of market.marks. */
export function shareMark(
  context: ProcessorContext,
  instrument: string,
  { eventTime, price }: Mark,
  sourceTopic: string,
  sourceEventTime: number,
): void {
  const mark: InstrumentMark = { eventTime, instrument, price, sourceTopic, sourceEventTime };
  const timestampMs = Math.floor(eventTime / 1000);
  for (const lane of LANES) context.forward('to-marks', `${lane}/${instrument}`, mark, timestampMs);
}
