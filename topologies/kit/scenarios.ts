import type { History } from './histories.ts';

/** Histories of several instruments on common days. */
export interface Scenarios {
  /** UTC days, rising. */
  readonly days: readonly number[];
  /** Of each instrument, in the order asked for: its return on each of those days. */
  readonly returns: readonly Float64Array[];
  /** Index of the instrument whose history begins last and so cuts the window; null where none does. */
  readonly shortest: number | null;
}

/**
 * Aligns histories: the days on which at least one of the instruments has a return, from the first on which all have begun, the newest
 * `window` of them. An instrument without a return on such a day did not trade: its return is 0, and its next one spans the gap.
 */
export function align(histories: readonly History[], window: number): Scenarios {
  if (histories.length === 0 || histories.some(({ days }) => days.length === 0)) {
    const missing = histories.findIndex(({ days }) => days.length === 0);
    return { days: [], returns: histories.map(() => new Float64Array(0)), shortest: missing < 0 ? null : missing };
  }
  const starts = histories.map(({ days }) => days[0]!);
  const start = Math.max(...starts);
  const all = commonDays(histories, start);
  const days = all.slice(-window);
  const isCut = all.length < window && starts.some((first) => first < start);
  return {
    days,
    returns: histories.map((history) => onDays(history, days)),
    shortest: isCut ? starts.indexOf(start) : null,
  };
}

/** A history on given days, 0 where it has none. */
export function onDays({ days, returns }: History, wanted: readonly number[]): Float64Array {
  const row = new Float64Array(wanted.length);
  let at = 0;
  wanted.forEach((day, index) => {
    while (at < days.length && days[at]! < day) at++;
    if (days[at] === day) row[index] = returns[at]!;
  });
  return row;
}

function commonDays(histories: readonly History[], start: number): number[] {
  const first = histories[0]!.days.filter((day) => day >= start);
  // Of one market they are the same, and nothing has to be merged.
  const isOneMarket = histories.every(({ days }) => {
    const offset = days.length - first.length;
    return (
      offset >= 0 && (offset === 0 || days[offset - 1]! < start) && first.every((day, i) => days[offset + i] === day)
    );
  });
  if (isOneMarket) return first;
  const union = new Set<number>();
  for (const { days } of histories) for (const day of days) if (day >= start) union.add(day);
  return [...union].sort((a, b) => a - b);
}
