import type { AvroSchema } from '#streams/kit/avro.ts';
import type { KeyValueStore, ProcessorContext } from '#streams/topology/types.ts';
import { TIME } from '../kit/avro.ts';

/** A moment of an order whose market is not final yet: no trade of a later time has been seen. */
export interface Unsettled {
  readonly instrument: string;
  /** Event time, microseconds. */
  readonly time: number;
  /** portfolio/orderId. */
  readonly order: string;
  /** Its arrival, its end when the horizon had passed, or a fill of it. */
  readonly moment: 'ARRIVAL' | 'END' | 'FILL';
  /** portfolio/fillId; null unless it is a fill. */
  readonly fill: string | null;
}

export const UNSETTLED_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'Unsettled',
  namespace: 'tidemark.execution',
  doc: 'A moment whose market is not final yet; key ARRIVAL or END:portfolio/orderId, or FILL:portfolio/fillId.',
  fields: [
    { name: 'instrument', type: 'string' },
    { name: 'time', type: TIME },
    { name: 'order', type: 'string' },
    { name: 'moment', type: { type: 'enum', name: 'OrderMoment', symbols: ['ARRIVAL', 'END', 'FILL'] } },
    { name: 'fill', type: ['null', 'string'] },
  ],
};

/**
 * What waits for the market: unsettled moments for their instrument's next trade, open orders for their deadline. Kept
 * in small stores, and by instrument in memory, built from them at the first question: an abort makes a new one.
 */
export class Pending {
  readonly #unsettled: KeyValueStore<Unsettled>;
  readonly #deadlines: KeyValueStore<number>;
  #byInstrument: Map<string, Unsettled[]> | null = null;
  #firstDeadline: number | null = null;

  constructor(context: ProcessorContext) {
    this.#unsettled = context.store('unsettled');
    this.#deadlines = context.store('deadlines');
  }

  wait(unsettled: Unsettled): void {
    this.#list(unsettled);
    this.#unsettled.put(keyOf(unsettled), unsettled);
  }

  /** Takes what waits for a trade of a later time than its own, in an order that does not depend on restarts. */
  takeBefore(instrument: string, time: number): readonly Unsettled[] {
    const all = this.#index().get(instrument);
    if (!all) return [];
    const later = all.findIndex((one) => one.time >= time);
    const taken = all.splice(0, later === -1 ? all.length : later);
    if (all.length === 0) this.#index().delete(instrument);
    for (const one of taken) this.#unsettled.delete(keyOf(one));
    return taken;
  }

  /** `deadline` null: the order is no longer open. */
  setDeadline(order: string, deadline: number | null): void {
    if (deadline === null) this.#deadlines.delete(order);
    else if (this.#deadlines.get(order) !== deadline) {
      this.#deadlines.put(order, deadline);
      this.#firstDeadline = Math.min(this.#earliest(), deadline);
    }
  }

  /**
   * Takes the orders whose deadline has passed, the earliest first. Not those of this very moment: trades of it may
   * still come.
   */
  takeDue(time: number): readonly (readonly [order: string, deadline: number])[] {
    if (this.#earliest() >= time) return [];
    const due = [...this.#deadlines.entries()].filter(([, deadline]) => deadline < time);
    for (const [order] of due) this.#deadlines.delete(order);
    this.#firstDeadline = null;
    return due.sort(([a, first], [b, second]) => first - second || (a < b ? -1 : 1));
  }

  /** At most the earliest deadline: one that was removed still counts until the next that is due. */
  #earliest(): number {
    if (this.#firstDeadline !== null) return this.#firstDeadline;
    this.#firstDeadline = Number.POSITIVE_INFINITY;
    for (const [, deadline] of this.#deadlines.entries()) this.#firstDeadline = Math.min(this.#firstDeadline, deadline);
    return this.#firstDeadline;
  }

  /** By time, then key. */
  #list(unsettled: Unsettled): void {
    const all = this.#index().get(unsettled.instrument);
    if (!all) {
      this.#index().set(unsettled.instrument, [unsettled]);
      return;
    }
    all.splice(all.findLastIndex((one) => isBefore(one, unsettled)) + 1, 0, unsettled);
  }

  #index(): Map<string, Unsettled[]> {
    if (this.#byInstrument) return this.#byInstrument;
    this.#byInstrument = new Map();
    for (const [, unsettled] of this.#unsettled.entries()) this.#list(unsettled);
    return this.#byInstrument;
  }
}

const keyOf = ({ order, moment, fill }: Unsettled): string => `${moment}:${fill ?? order}`;
const isBefore = (a: Unsettled, b: Unsettled) => a.time < b.time || (a.time === b.time && keyOf(a) < keyOf(b));
