/** One level of a book. */
export interface BookLevel {
  readonly price: number;
  readonly size: number;
}
/** A row of the ladder: a price, and what stands there. */
export interface LadderRow extends BookLevel {
  readonly side: 'BID' | 'ASK';
  /** Size over the largest that is shown, from 0 to 1. */
  readonly share: number;
}

/** The levels that are shown, the highest price on top: asks, then bids. */
export function ladderOf(bids: readonly BookLevel[], asks: readonly BookLevel[]): LadderRow[] {
  const largest = Math.max(...[...bids, ...asks].map(({ size }) => size), 0);
  const row = (side: LadderRow['side']) => (level: BookLevel) => ({ ...level, side, share: level.size / largest });
  return [...asks.map(row('ASK')).reverse(), ...bids.map(row('BID'))];
}

/** Decimals that it takes to write every one of these numbers, at least `least` and at most 9. */
export function decimalsOf(values: readonly number[], least: number): number {
  const decimals = (value: number) => value.toFixed(9).replace(/0+$/, '').split('.')[1]!.length;
  return values.reduce((most, value) => Math.max(most, decimals(value)), least);
}
