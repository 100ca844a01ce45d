import { regimeRow } from '#ml/features/regime.ts';
import { type RegimeDay, RegimeEnsemble } from '#quant/regimes/ensemble.ts';
import { ReturnWindow } from '#quant/regimes/return-window.ts';
import type { KeyValueStore } from '#streams/topology/types.ts';
import { Journal, type KeptState } from '../kit/journal.ts';
import type { KeptReturn } from './stored.ts';

/** Days between two states that are kept: late returns reach back as many at least. */
const STATE_EVERY = 128;
/** Of the ensemble: with another one what was made cannot be gone on from. */
const MAKER = 'regimes-1';

export type DayReturn = Pick<KeptReturn, 'time' | 'eventTime' | 'logReturn' | 'sourceEventTime'>;
/** A day that a classifier can be asked about. */
export interface Question {
  /** The day. */
  readonly time: number;
  readonly sourceEventTime: number;
  readonly row: Float64Array;
}
export type Answer = Pick<KeptReturn, 'scores' | 'classifier'>;
export interface MadeDay {
  readonly item: KeptReturn;
  readonly day: RegimeDay;
}
const UNANSWERED: Answer = { scores: null, classifier: null };

/** The regimes of one instrument: a function of its returns in the order of their days, and of what the classifier says of each. */
export class Lane {
  readonly #journal: Journal<KeptReturn>;
  /** Of this transaction, by day: a transaction may have more days than the journal keeps. */
  readonly #pending = new Map<number, DayReturn>();
  /** Pending days that are not behind the newest. */
  #late = 0;
  #ensemble: RegimeEnsemble;
  /** Number of the first day that is not in the ensemble. */
  #at = 0;

  constructor(instrument: string, days: KeyValueStore<KeptReturn>, states: KeyValueStore<KeptState>) {
    this.#journal = new Journal({ key: instrument, items: days, states, maker: MAKER, stateEvery: STATE_EVERY });
    const { next } = this.#journal;
    this.#ensemble = this.#before(next);
    if (!this.#journal.isWholeBefore(next)) this.#journal.keepState(next, this.#ensemble.snapshot());
  }

  /** Whether a day waits for its regime. */
  get isOpen(): boolean {
    return this.#pending.size > 0;
  }

  /** Takes a day's return; false where it comes too late. The same again changes nothing. */
  take(day: DayReturn): boolean {
    const before = this.#pending.get(day.time) ?? this.#journal.find(day.time);
    if (before?.logReturn === day.logReturn) return true;
    const { newest } = this.#journal;
    const isLate = newest !== undefined && day.time <= newest.time;
    if (isLate && !this.#journal.reaches(day.time, this.#late)) return false;
    if (isLate && !this.#pending.has(day.time)) this.#late++;
    this.#pending.set(day.time, day);
    return true;
  }

  /** The days that wait, and those behind them, as far as they have a row. Nothing is kept. */
  questions(): Question[] {
    this.#goBefore(this.#first());
    const window = ReturnWindow.restore(this.#ensemble.window.snapshot());
    const known = this.#journal.items.filter(({ number, time }) => number >= this.#at && !this.#pending.has(time));
    return [...known, ...this.#pending.values()].sort(byTime).flatMap(({ time, logReturn, sourceEventTime }) => {
      window.push(logReturn);
      const row = regimeRow(window);
      return row ? [{ time, sourceEventTime, row }] : [];
    });
  }

  /** Makes the regimes of the days that wait, and of those behind them, oldest first. `answers`: by day. */
  make(answers: ReadonlyMap<number, Answer>): MadeDay[] {
    this.#goBefore(this.#first());
    const { newest } = this.#journal;
    const pending = [...this.#pending.values()].sort(byTime);
    const late = pending.filter(({ time }) => newest !== undefined && time <= newest.time);
    for (const day of late) this.#journal.put({ ...day, ...UNANSWERED });
    const made = this.#journal.items
      .filter(({ number }) => number >= this.#at)
      .map((item) => this.#make(item, answers));
    for (const day of pending.slice(late.length)) {
      this.#journal.put({ ...day, ...UNANSWERED });
      made.push(this.#make(this.#journal.newest!, answers));
    }
    this.#pending.clear();
    this.#late = 0;
    return made.filter((each) => each !== null);
  }

  #make(item: KeptReturn, answers: ReadonlyMap<number, Answer>): MadeDay | null {
    // Nothing of a day is known before what it rests on.
    const before = this.#journal.items.findLast(({ number }) => number === item.number - 1);
    const eventTime = Math.max(item.eventTime, before?.eventTime ?? 0);
    const kept = { ...item, ...(answers.get(item.time) ?? UNANSWERED), eventTime };
    this.#journal.replace(kept);
    const day = this.#ensemble.take(kept.logReturn, scoresOf(kept));
    this.#at = kept.number + 1;
    this.#journal.keepStateAfter(kept.number, () => this.#ensemble.snapshot());
    return day && { item: kept, day };
  }

  /** Number of the first day that is pending, or behind one. */
  #first(): number {
    const first = Math.min(...this.#pending.keys());
    return this.#journal.items.find(({ time }) => time >= first)?.number ?? this.#journal.next;
  }

  #goBefore(number: number): void {
    if (this.#at !== number) this.#ensemble = this.#before(number);
  }

  /** An ensemble of all days before `number`. */
  #before(number: number): RegimeEnsemble {
    const { state, items } = this.#journal.startBefore(number);
    const ensemble = new RegimeEnsemble(state);
    for (const item of items) if (item.number < number) ensemble.take(item.logReturn, scoresOf(item));
    this.#at = number;
    return ensemble;
  }
}

const byTime = (a: DayReturn, b: DayReturn) => a.time - b.time;
const scoresOf = ({ scores }: KeptReturn) => scores && Float64Array.from(scores);
