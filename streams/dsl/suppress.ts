import type { AvroSchema } from '../kit/avro.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { KeyValueStore, Processor, ProcessorContext } from '../topology/types.ts';
import { type Change, type PackedChange, pack, packedFields, unpack } from './change.ts';
import { DueKeys } from './due.ts';
import { closesAtMs, parseWindowedKey, type Windows } from './windows.ts';

/** Holds back a window's results until it is closed, and then hands on the last one only. */
export interface UntilWindowCloses {
  readonly kind: 'window-closes';
  /** Results held by one task, from 1; one more throws SUPPRESS_FULL, which stops the topology. */
  readonly maxRecords: number;
}
/** Hands on a key's last result, `limitMs` of stream time after the first one held. One that comes later than that is handed on at once. */
export interface UntilTimeLimit {
  readonly kind: 'time-limit';
  /** Since the event time of the first result held. */
  readonly limitMs: number;
  /** Results held by one task, from 1; beyond it those that are due first are handed on early. */
  readonly maxRecords: number;
}
/** How long changes are held back. */
export type Suppression = UntilWindowCloses | UntilTimeLimit;

/** For windowed tables: one result for each key and window, the final one. */
export const untilWindowCloses = (options: { readonly maxRecords: number }): UntilWindowCloses => ({
  kind: 'window-closes',
  ...options,
});
/** For any table: changes of a key within `limitMs` of stream time become one, the newest. */
export const untilTimeLimit = (options: { readonly limitMs: number; readonly maxRecords: number }): UntilTimeLimit => ({
  kind: 'time-limit',
  ...options,
});

/** What is held back: the change from what was handed on last, since when, and the time of its newest record. */
export interface HeldChange<V> extends PackedChange<V> {
  readonly sinceMs: number;
  readonly timestampMs: number;
}
export const heldChangeSchema = (value: AvroSchema): AvroSchema =>
  ({
    type: 'record',
    name: 'TidemarkHeldChange',
    fields: [{ name: 'sinceMs', type: 'long' }, { name: 'timestampMs', type: 'long' }, ...packedFields(value)],
  }) as AvroSchema;

/** Emission goes by stream time, at the record that moves it, in the order of what is due and then of keys. */
export const suppressUntil =
  <V>(
    store: string,
    suppression: Suppression,
    windows: Windows | null,
  ): ((c: ProcessorContext) => Processor<Change<V>>) =>
  (context) => {
    const buffer = new Buffered<V>(context, store, suppression, windows);
    context.schedule(1, 'event-time', (streamTimeMs) => buffer.emitUntil(streamTimeMs));
    return { process: ({ key, value, timestampMs }) => buffer.hold(key!, value, timestampMs) };
  };

class Buffered<V> {
  readonly #context: ProcessorContext;
  readonly #rows: KeyValueStore<HeldChange<V>>;
  readonly #store: string;
  readonly #suppression: Suppression;
  readonly #windows: Windows | null;
  /** Null until first needed: the store may still be restored. An abort makes the processor, and this, anew. */
  #due: DueKeys | null = null;

  constructor(context: ProcessorContext, store: string, suppression: Suppression, windows: Windows | null) {
    this.#context = context;
    this.#rows = context.store<HeldChange<V>>(store);
    this.#store = store;
    this.#suppression = suppression;
    this.#windows = windows;
  }

  hold(key: string, { before, after }: Change<V>, timestampMs: number): void {
    const due = this.#due ?? this.#build();
    const held = this.#rows.get(key);
    const sinceMs = held?.sinceMs ?? timestampMs;
    const change = { before: held ? unpack(held).before : before, after };
    if (this.#suppression.kind === 'window-closes' && after === null) {
      // A session that was joined to another: as nothing of it was handed on, there is nothing to take back.
      this.#rows.delete(key);
      due.delete(key);
      return;
    }
    this.#rows.put(key, { sinceMs, timestampMs, ...pack(change) });
    if (!due.has(key)) due.add(key, this.#dueMs(key, sinceMs));
    this.emitUntil(this.#context.streamTimeMs);
    if (due.size > this.#suppression.maxRecords) this.#overflow(due);
  }
  emitUntil(streamTimeMs: number): void {
    for (const key of (this.#due ?? this.#build()).take(streamTimeMs)) this.#emit(key);
  }

  #emit(key: string): void {
    const held = this.#rows.get(key)!;
    this.#rows.delete(key);
    const { before, after } = unpack(held);
    if (before !== null || after !== null) this.#context.emit<Change<V>>(key, { before, after }, held.timestampMs);
  }
  #overflow(due: DueKeys): void {
    const { kind, maxRecords } = this.#suppression;
    if (kind === 'window-closes')
      throw new TidemarkError(
        'SUPPRESS_FULL',
        `Store "${this.#store}" of task ${this.#context.taskId} holds back more than ${maxRecords} results: raise maxRecords, or shorten windows or grace`,
      );
    while (due.size > maxRecords) for (const key of due.takeEarliest()) this.#emit(key);
  }
  #dueMs(key: string, sinceMs: number): number {
    if (this.#suppression.kind === 'time-limit') return sinceMs + this.#suppression.limitMs;
    return closesAtMs(this.#windows!, parseWindowedKey(key).window.endMs);
  }
  #build(): DueKeys {
    const due = new DueKeys();
    for (const [key, { sinceMs }] of this.#rows.entries()) due.add(key, this.#dueMs(key, sinceMs));
    this.#due = due;
    return due;
  }
}
