import type { Bar, DailyReturn } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import type { KeyValueStore, Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';
import { DAY_MS, KEPT_DAYS } from './intervals.ts';

/** The close of one UTC day. */
export interface DayClose {
  /** Days since 1970-01-01. */
  readonly day: number;
  readonly close: number;
  /** Value traded, of the trades that have a size; null when none has one. */
  readonly turnover: number | null;
  /** Of the newest record of the day's return; -1: there is none yet. */
  readonly revision: number;
}
/** Closes of an instrument by rising day: those whose bars can still be revised, and the one before. Never empty. */
export interface DayCloses {
  readonly days: readonly DayClose[];
}

export const DAY_CLOSES_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'DayCloses',
  namespace: 'tidemark.bars',
  doc: 'Newest daily closes by rising day; key instrument.',
  fields: [
    {
      name: 'days',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'DayClose',
          fields: [
            { name: 'day', type: 'int' },
            { name: 'close', type: 'double' },
            { name: 'turnover', type: ['null', 'double'] },
            { name: 'revision', type: 'int' },
          ],
        },
      },
    },
  ],
};

const NO_CLOSES: DayCloses = { days: [] };
const dateOf = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/**
 * The closes with one more, or another one for its day; and which of them have another return than before. A day that
 * is older than any that is kept changes nothing: what was between it and the others is forgotten.
 */
export function addClose(
  { days }: DayCloses,
  day: number,
  close: number,
  turnover: number | null,
): { readonly days: readonly DayClose[]; readonly changed: readonly number[] } {
  const at = days.findLastIndex((other) => other.day <= day);
  const isKnown = days[at]?.day === day;
  const isTooOld = days.length > 0 && day < days.at(-1)!.day - KEPT_DAYS;
  if (isTooOld || (isKnown && days[at]!.close === close)) return { days, changed: [] };
  const index = isKnown ? at : at + 1;
  const next = days.toSpliced(index, isKnown ? 1 : 0, {
    day,
    close,
    turnover,
    revision: isKnown ? days[at]!.revision : -1,
  });
  // Its own return, and that of the day after it, which began at this close.
  const changed = [index, index + 1].filter((place) => place > 0 && place < next.length);
  for (const place of changed) next[place] = { ...next[place]!, revision: next[place]!.revision + 1 };
  return { days: next, changed };
}

/**
 * Without the days that no late trade can reach, but for the newest of them: the return of the day after it begins
 * there.
 */
export function prune(days: readonly DayClose[]): readonly DayClose[] {
  const first = days.findIndex(({ day }) => day >= days.at(-1)!.day - KEPT_DAYS);
  return first > 1 ? days.slice(first - 1) : days;
}

/**
 * By instrument, of final daily bars: the return from the previous day with trades. A revised bar gives records only
 * where it changes a close: for its own day and for the day after. A return too large for a double is none: its record
 * is a tombstone.
 */
export class DailyReturns implements Processor<Bar> {
  readonly #context: ProcessorContext;
  readonly #closes: KeyValueStore<DayCloses>;

  constructor(context: ProcessorContext) {
    this.#context = context;
    this.#closes = context.store('day-closes');
  }

  process({ value: bar }: StreamRecord<Bar>): void {
    const before = this.#closes.get(bar.instrument) ?? NO_CLOSES;
    const turnover = bar.volume === null || bar.vwap === null ? null : bar.volume * bar.vwap;
    const { days, changed } = addClose(before, bar.startTime / 1000 / DAY_MS, bar.close, turnover);
    if (days === before.days) return;
    this.#closes.put(bar.instrument, { days: prune(days) });
    for (const index of changed) this.#publish(bar, days[index - 1]!, days[index]!);
  }

  #publish(cause: Bar, previous: DayClose, { day, close, turnover, revision }: DayClose): void {
    const { eventTime, instrument, sourceTopic, sourceEventTime } = cause;
    const date = dateOf(day);
    const simpleReturn = close / previous.close - 1;
    const value: DailyReturn = {
      eventTime,
      instrument,
      date,
      close,
      previousClose: previous.close,
      previousDate: dateOf(previous.day),
      simpleReturn,
      turnover,
      revision,
      sourceTopic,
      sourceEventTime,
    };
    const fits = Number.isFinite(simpleReturn);
    if (!fits) this.#context.count('return-out-of-range');
    const timestampMs = Math.floor(eventTime / 1000);
    this.#context.forward('to-returns', `${instrument}/${date}`, fits ? value : null, timestampMs);
  }
}
