import type { Trade } from '#schemas/generated/types.ts';

/** How far ahead of the wall clock an event time may lie, as in the positions topology. */
const LARGEST_LEAD_MS = 86_400_000;

/**
 * Whether a trade may be shown. What the positions topology sends to its dead letters must not reach a price display either:
 * a price that is no price, or an event time of the year 3000, which would stay "newest" for good.
 */
export const isSoundTrade = (trade: Trade, nowMs: number): boolean =>
  Number.isFinite(trade.price) &&
  trade.price > 0 &&
  (trade.size === null || (Number.isFinite(trade.size) && trade.size > 0)) &&
  trade.instrument !== '' &&
  trade.eventTime / 1000 <= nowMs + LARGEST_LEAD_MS;
