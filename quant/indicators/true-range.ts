/** Wilder's true range (1978): of today's range and its distances from yesterday's close the largest. */
export const trueRange = (high: number, low: number, closeBefore: number): number =>
  Math.max(high - low, Math.abs(closeBefore - high), Math.abs(closeBefore - low));
