/**
 * A portfolio's profit at the end of each instant of event time: what its peak and its day start are taken from.
 *
 * The positions of one portfolio come from several tasks, so some run ahead of others: in a fast replay AAPL is already at Friday
 * when MSFT's Monday arrives. An update therefore holds from its own event time on, whenever it arrives: a late one is added to every
 * instant since, or makes one of its own. Positions arrive in order each, so the path is the one that event time alone would give,
 * as long as no position is more than 32 instants late; a later one counts from the oldest instant kept.
 */

/** Instants that are over and can still be corrected. Covers the trading days between two monthly rebalances. */
export const WINDOW_INSTANTS = 32;
const DAY_MICROS = 86_400_000_000;

export interface Path {
  /** The present instant: newest event time so far, microseconds; -1 before the first. */
  readonly eventTime: number;
  /** Profit in the present instant as it stands. */
  readonly profit: number;
  /** Instants before it, oldest first: event time and profit at its end. */
  readonly pastTimes: readonly number[];
  readonly pastProfits: readonly number[];
  /** Highest profit of the instants older than those; every portfolio starts at 0. */
  readonly peakProfit: number;
  /** Highest profit of all instants before the present one. */
  readonly pastPeak: number;
  /** Profit at the end of the last instant of an earlier UTC day. */
  readonly dayStartProfit: number;
}

export const START: Path = {
  eventTime: -1,
  profit: 0,
  pastTimes: [],
  pastProfits: [],
  peakProfit: 0,
  pastPeak: 0,
  dayStartProfit: 0,
};

const dayOf = (eventTime: number) => Math.floor(eventTime / DAY_MICROS);

/** By how much an update changes the profit at the end of an instant: the same for all since the update, or by the instant's time. */
export type ProfitChange = number | ((time: number) => number);
const changeAt = (change: ProfitChange, time: number) => (typeof change === 'number' ? change : change(time));

/** The path after an update at `eventTime` that takes the profit to `profit`, by `change`. */
export function advance(path: Path, eventTime: number, profit: number, change: ProfitChange): Path {
  const { pastTimes, pastProfits, peakProfit, pastPeak, dayStartProfit } = path;
  if (eventTime === path.eventTime)
    return { eventTime, profit, pastTimes, pastProfits, peakProfit, pastPeak, dayStartProfit };
  if (eventTime < path.eventTime) return change === 0 ? path : correct(path, eventTime, profit, change);
  if (path.eventTime < 0) return { ...START, eventTime, profit };
  const full = pastTimes.length === WINDOW_INSTANTS;
  return {
    eventTime,
    profit,
    pastTimes: appended(pastTimes, path.eventTime),
    pastProfits: appended(pastProfits, path.profit),
    peakProfit: full ? Math.max(peakProfit, pastProfits[0]!) : peakProfit,
    pastPeak: Math.max(pastPeak, path.profit),
    dayStartProfit: dayOf(eventTime) > dayOf(path.eventTime) ? path.profit : dayStartProfit,
  };
}

/** A new window with one more value; the oldest leaves a full one. In one pass, because every tick that is an instant comes here. */
function appended(values: readonly number[], value: number): number[] {
  const from = values.length === WINDOW_INSTANTS ? 1 : 0;
  const next = values.slice();
  for (let index = from; index < values.length; index++) next[index - from] = values[index]!;
  next[values.length - from] = value;
  return next;
}

function correct(path: Path, eventTime: number, profit: number, change: ProfitChange): Path {
  const first = path.pastTimes.findIndex((time) => time >= eventTime);
  const from = first === -1 ? path.pastTimes.length : first;
  const pastTimes = [...path.pastTimes];
  const pastProfits = path.pastProfits.map((past, index) =>
    index < from ? past : past + changeAt(change, pastTimes[index]!),
  );
  // Before the oldest of a full window nothing is known any more, so no instant can be put there.
  if (pastTimes[from] !== eventTime && (from > 0 || pastTimes.length < WINDOW_INSTANTS)) {
    pastTimes.splice(from, 0, eventTime);
    pastProfits.splice(from, 0, (path.pastProfits[from - 1] ?? 0) + changeAt(change, eventTime));
  }
  let { peakProfit } = path;
  if (pastTimes.length > WINDOW_INSTANTS) {
    pastTimes.shift();
    peakProfit = Math.max(peakProfit, pastProfits.shift()!);
  }
  const today = dayOf(path.eventTime);
  // The instant that the day's start is taken from: the update's own, or one since.
  const dayStart = pastTimes.findLast((time) => dayOf(time) < today) ?? eventTime;
  return {
    eventTime: path.eventTime,
    profit,
    pastTimes,
    pastProfits,
    peakProfit,
    pastPeak: Math.max(peakProfit, ...pastProfits),
    dayStartProfit: path.dayStartProfit + (dayOf(eventTime) < today ? changeAt(change, dayStart) : 0),
  };
}

/** Highest profit at the end of any instant, the present one counting as if it ended now. */
export const peakOf = ({ pastPeak, profit }: Path): number => Math.max(pastPeak, profit);
