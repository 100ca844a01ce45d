import { corporateActionProblem } from '#schemas/checks.ts';
import { decimalToNumber } from '#schemas/decimal.ts';
import type { Bar, CorporateAction, DailyReturn } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import type { KeyValueStore, Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';
import { actionChange, instrumentOf, STORED_ACTIONS, type StoredAction } from '../kit/corporate-actions.ts';
import { DAY_MS, dateOf, dayOf } from '../kit/days.ts';
import { KEPT_DAYS } from './intervals.ts';

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

/** Corporate actions of an instrument. */
export interface KnownActions {
  /** By ex time, then id. */
  readonly actions: readonly StoredAction[];
}
export const KNOWN_ACTIONS_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'KnownActions',
  namespace: 'tidemark.bars',
  doc: 'Corporate actions by ex time, then id; key instrument.',
  fields: [{ name: 'actions', type: STORED_ACTIONS }],
};

const NO_CLOSES: DayCloses = { days: [] };

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

/** What one unit of the day `previous` is at the end of `day`. */
export interface Adjustment {
  readonly splitFactor: number;
  readonly dividend: number;
}
const NONE: Adjustment = { splitFactor: 1, dividend: 0 };

/**
 * Of the actions with an ex day (UTC) after `previous` and up to `day`, in their order: a dividend is on the units that
 * there are by then. Days are counted since 1970-01-01. Without any: 1 and 0.
 */
export function adjustmentOf(actions: readonly StoredAction[], previous: number, day: number): Adjustment {
  let { splitFactor, dividend } = NONE;
  for (const { type, exTime, newUnits, oldUnits, amount } of actions) {
    const exDay = dayOf(exTime);
    if (exDay <= previous || exDay > day) continue;
    if (type === 'SPLIT') splitFactor = (splitFactor * decimalToNumber(newUnits!)) / decimalToNumber(oldUnits!);
    else dividend += splitFactor * decimalToNumber(amount!);
  }
  return { splitFactor, dividend };
}

const isSame = (a: Adjustment, b: Adjustment) => a.splitFactor === b.splitFactor && a.dividend === b.dividend;

/** What a return is told because of. */
type Cause = Pick<DailyReturn, 'instrument' | 'sourceTopic' | 'sourceEventTime'>;

/**
 * By instrument, of final daily bars: the return from the previous day with trades, with the splits and dividends
 * between them. A revised bar gives records only where it changes a close: for its own day and for the day after; an
 * action that comes late, is corrected or taken back only where it changes what was applied, as far back as late trades
 * do. A return too large for a double is none: its record is a tombstone.
 */
export class DailyReturns implements Processor<Bar | CorporateAction | null> {
  readonly #context: ProcessorContext;
  readonly #closes: KeyValueStore<DayCloses>;
  readonly #actions: KeyValueStore<KnownActions>;
  readonly #actionsTopic: string;

  constructor(context: ProcessorContext, actionsTopic: string) {
    this.#context = context;
    this.#closes = context.store('day-closes');
    this.#actions = context.store('actions');
    this.#actionsTopic = actionsTopic;
  }

  process(record: StreamRecord<Bar | CorporateAction | null>): void {
    if (record.source.topic === this.#actionsTopic) this.#action(record as StreamRecord<CorporateAction | null>);
    else this.#bar(record.value as Bar);
  }

  #bar(bar: Bar): void {
    const before = this.#closes.get(bar.instrument) ?? NO_CLOSES;
    const turnover = bar.volume === null || bar.vwap === null ? null : bar.volume * bar.vwap;
    const { days, changed } = addClose(before, bar.startTime / 1000 / DAY_MS, bar.close, turnover);
    if (days === before.days) return;
    this.#closes.put(bar.instrument, { days: prune(days) });
    for (const index of changed) this.#publish(bar, bar.eventTime, days[index - 1]!, days[index]!);
  }

  #action(record: StreamRecord<CorporateAction | null>): void {
    const problem = corporateActionProblem(record.key, record.value, this.#context.now());
    if (problem) {
      this.#context.reject(problem.code, problem.reason);
      return;
    }
    const instrument = instrumentOf(record.key!);
    const known = this.#actionsOf(instrument);
    const said = actionChange(record, known);
    if (!said) return;
    const { change, actions } = said;
    this.#actions.put(instrument, { actions });
    const cause = { instrument, sourceTopic: record.source.topic, sourceEventTime: change.eventTime };
    const isWhole = this.#revise(cause, known, actions);
    const isForgotten = [change.before, change.after].some((action) => action && this.#isForgotten(instrument, action));
    if (!isWhole || isForgotten) this.#context.count('corporate-action-too-late');
  }

  /** Tells the returns that are others with these actions than with those before; false where one is too old for it. */
  #revise(cause: Cause, before: readonly StoredAction[], after: readonly StoredAction[]): boolean {
    const { days } = this.#closes.get(cause.instrument) ?? NO_CLOSES;
    const changed = days.flatMap(({ day }, index) => {
      const previous = days[index - 1];
      if (!previous) return [];
      return isSame(adjustmentOf(before, previous.day, day), adjustmentOf(after, previous.day, day)) ? [] : [index];
    });
    // By stream time as for late trades, whenever the instrument traded last: readers take older returns for settled.
    const firstMs = this.#context.streamTimeMs - KEPT_DAYS * DAY_MS;
    const revised = changed.filter((index) => days[index]!.day * DAY_MS >= firstMs);
    if (revised.length > 0) {
      const next = [...days];
      for (const index of revised) next[index] = { ...days[index]!, revision: days[index]!.revision + 1 };
      this.#closes.put(cause.instrument, { days: next });
      for (const index of revised) {
        const endMs = (days[index]!.day + 1) * DAY_MS;
        // As with a late trade: stream time, and not when the action was said, or the time of a return could go back.
        const eventTime = Math.max(endMs, this.#context.streamTimeMs) * 1000;
        this.#publish(cause, eventTime, next[index - 1]!, next[index]!);
      }
    }
    return revised.length === changed.length;
  }

  /** Its returns, if there were any, are of closes that are kept no more, and stay as they are. */
  #isForgotten(instrument: string, { exTime }: StoredAction): boolean {
    const first = this.#closes.get(instrument)?.days[0];
    // The first close there ever was has no return, and nothing before it to be forgotten.
    return first !== undefined && first.revision >= 0 && dayOf(exTime) <= first.day;
  }

  #actionsOf(instrument: string): readonly StoredAction[] {
    return this.#actions.get(instrument)?.actions ?? [];
  }

  #publish(
    { instrument, sourceTopic, sourceEventTime }: Cause,
    eventTime: number,
    previous: DayClose,
    { day, close, turnover, revision }: DayClose,
  ): void {
    const date = dateOf(day);
    const { splitFactor, dividend } = adjustmentOf(this.#actionsOf(instrument), previous.day, day);
    const simpleReturn = (splitFactor * close + dividend) / previous.close - 1;
    const value: DailyReturn = {
      eventTime,
      instrument,
      date,
      close,
      previousClose: previous.close,
      previousDate: dateOf(previous.day),
      simpleReturn,
      splitFactor,
      dividend,
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
