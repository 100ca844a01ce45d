import { requireFinite, type Series } from './checks.ts';

/** A fall from a peak of wealth. Days are places in the row of returns; -1 is the start, before the first. */
export interface Drawdown {
  /** Share of the peak that was lost at the deepest, 0 to 1 and more (wealth may fall below zero). */
  readonly depth: number;
  /** Day of the peak. */
  readonly peak: number;
  /** Day of the deepest. */
  readonly trough: number;
  /** First day on which the peak was reached again; null while it is not. */
  readonly recovery: number | null;
  /** Days from the peak to the recovery, or to the last day. */
  readonly durationDays: number;
}

/**
 * Every fall of compounded wealth from a peak, in order of time; wealth starts at 1 and the start is a peak too (empyrical's
 * max_drawdown). Throws VALUE_NOT_FINITE.
 */
export function drawdowns(returns: Series): Drawdown[] {
  requireFinite(returns, 'Returns');
  const found: Drawdown[] = [];
  let wealth = 1;
  let peak = { day: -1, wealth: 1 };
  let trough = { day: -1, wealth: 1 };
  const close = (recovery: number | null, last: number) => {
    if (trough.wealth < peak.wealth)
      found.push({
        depth: 1 - trough.wealth / peak.wealth,
        peak: peak.day,
        trough: trough.day,
        recovery,
        durationDays: last - peak.day,
      });
  };
  for (let day = 0; day < returns.length; day++) {
    wealth *= 1 + returns[day]!;
    if (wealth >= peak.wealth) {
      close(day, day);
      peak = { day, wealth };
      trough = peak;
    } else if (wealth < trough.wealth) trough = { day, wealth };
  }
  close(null, returns.length - 1);
  return found;
}

/** The deepest, 0 where wealth never fell. Throws VALUE_NOT_FINITE. */
export const maxDrawdown = (returns: Series): number =>
  drawdowns(returns).reduce((deepest, { depth }) => Math.max(deepest, depth), 0);
