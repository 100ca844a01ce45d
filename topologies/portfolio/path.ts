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
  /** Profit at the end of the last instant of an earlier UTC day. */
  readonly dayStartProfit: number;
}

export const START: Path = {
  eventTime: -1,
  profit: 0,
  pastTimes: [],
  pastProfits: [],
  peakProfit: 0,
  dayStartProfit: 0,
};

const dayOf = (eventTime: number) => Math.floor(eventTime / DAY_MICROS);

/** The path after an update at `eventTime` that takes the profit to `profit`, by `change`. */
export function advance(path: Path, eventTime: number, profit: number, change: number): Path {
  const { pastTimes, pastProfits, peakProfit, dayStartProfit } = path;
  if (eventTime === path.eventTime) return { eventTime, profit, pastTimes, pastProfits, peakProfit, dayStartProfit };
  if (eventTime < path.eventTime) return change === 0 ? path : correct(path, eventTime, profit, change);
  if (path.eventTime < 0) return { ...START, eventTime, profit };
  return {
    eventTime,
    profit,
    ...trimmed([...pastTimes, path.eventTime], [...pastProfits, path.profit], peakProfit),
    dayStartProfit: dayOf(eventTime) > dayOf(path.eventTime) ? path.profit : dayStartProfit,
  };
}

function correct(path: Path, eventTime: number, profit: number, change: number): Path {
  const first = path.pastTimes.findIndex((time) => time >= eventTime);
  const from = first === -1 ? path.pastTimes.length : first;
  const times = [...path.pastTimes];
  const profits = path.pastProfits.map((past, index) => (index < from ? past : past + change));
  // Before the oldest of a full window nothing is known any more, so no instant can be put there.
  if (times[from] !== eventTime && (from > 0 || times.length < WINDOW_INSTANTS)) {
    times.splice(from, 0, eventTime);
    profits.splice(from, 0, (path.pastProfits[from - 1] ?? 0) + change);
  }
  const earlierDay = dayOf(eventTime) < dayOf(path.eventTime);
  return {
    eventTime: path.eventTime,
    profit,
    ...trimmed(times, profits, path.peakProfit),
    dayStartProfit: path.dayStartProfit + (earlierDay ? change : 0),
  };
}

function trimmed(pastTimes: number[], pastProfits: number[], peakProfit: number) {
  if (pastTimes.length <= WINDOW_INSTANTS) return { pastTimes, pastProfits, peakProfit };
  pastTimes.shift();
  return { pastTimes, pastProfits, peakProfit: Math.max(peakProfit, pastProfits.shift()!) };
}

/** Highest profit at the end of any instant, the present one counting as if it ended now. */
export function peakOf({ peakProfit, profit, pastProfits }: Path): number {
  let peak = peakProfit > profit ? peakProfit : profit;
  for (const past of pastProfits) if (past > peak) peak = past;
  return peak;
}
