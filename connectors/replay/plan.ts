import { TidemarkError } from '#streams/kit/errors.ts';
import type { HistoryDay } from './parse.ts';

/** Where the replay stands: the newest session it wrote. */
export interface ReplayPosition {
  readonly date: string;
  readonly state: 'CLOSED' | 'SETTLED';
  readonly tradeEndOffsets: readonly number[];
}
/** What is left of a day: all of it, everything after its CLOSED session, or only the wait for what SETTLED sets off. */
export type Entry = 'OPEN' | 'CLOSED' | 'SETTLED';
export interface ReplayPlan {
  /** Days to go through, oldest first; the first of them is taken up at `entry`. */
  readonly days: readonly HistoryDay[];
  readonly entry: Entry;
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;

/**
 * The days from `from` to `to` (both included, null: no bound) that are still to do. A replay never goes back: where there is a
 * position, days before it are done whatever `from` says. Throws CONFIG_INVALID on a bound that is no date, or when
 * no day of the history lies between them.
 */
export function planReplay(
  history: readonly HistoryDay[],
  bounds: { readonly from: string | null; readonly to: string | null },
  position: ReplayPosition | null,
): ReplayPlan {
  const { from, to } = bounds;
  for (const [name, date] of [['TIDEMARK_REPLAY_FROM', from] as const, ['TIDEMARK_REPLAY_TO', to] as const]) {
    if (date !== null && !(DATE.test(date) && new Date(`${date}T00:00:00Z`).toJSON()?.startsWith(date)))
      throw new TidemarkError('CONFIG_INVALID', `${name}="${date}": expected a date, YYYY-MM-DD`);
  }
  const wanted = history.filter(({ date }) => (from === null || date >= from) && (to === null || date <= to));
  if (wanted.length === 0) {
    const [first, last] = [history[0]!.date, history.at(-1)!.date];
    throw new TidemarkError(
      'CONFIG_INVALID',
      `No day to replay from ${from ?? 'the beginning'} to ${to ?? 'the end'}: the history goes from ${first} to ${last}`,
    );
  }
  if (position === null) return { days: wanted, entry: 'OPEN' };
  // An interrupted day is ended even when the bounds have moved past it: others wait in its middle.
  const current = history.filter(({ date }) => date === position.date);
  return { days: [...current, ...wanted.filter(({ date }) => date > position.date)], entry: position.state };
}
