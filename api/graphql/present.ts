import type { LiveViews } from '../live/views.ts';

/**
 * Event time of what a person does to a portfolio: its newest, since inputs are merged by event time, and a change of 2026 would wait until
 * a replay of 1995 has come to 2026. Of one that nothing is known of, and of all: the newest of any, else the clock's.
 */
export function presentOf({ pnl }: LiveViews, portfolio: string | null, nowMs: number): number {
  const own = portfolio === null ? undefined : pnl.values(portfolio).next().value?.eventTime;
  if (own !== undefined) return own;
  let newest = -1;
  for (const { eventTime } of pnl.values(null)) newest = Math.max(newest, eventTime);
  return newest < 0 ? nowMs * 1000 : newest;
}
