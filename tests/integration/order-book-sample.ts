import type { Depth } from '#schemas/generated/types.ts';

/** A record of market.depth: a small sound book. */
export const depth = (instrument: string, eventTime: number, more: Partial<Depth> = {}): Depth => ({
  eventTime,
  instrument,
  state: 'SOUND',
  staleReason: null,
  source: 'synthetic',
  epoch: 7,
  sequence: 1_234,
  gaps: 0,
  bestBid: 99.5,
  bestBidSize: 3,
  bestAsk: 100.5,
  bestAskSize: 1,
  spread: 1,
  spreadBps: 100,
  mid: 100,
  microprice: 100.25,
  imbalance: 0.5,
  bidLevels: 2,
  askLevels: 1,
  depths: [{ levels: 1, bidSize: 3, askSize: 1, bidNotional: 298.5, askNotional: 100.5, imbalance: 0.5 }],
  bands: [{ bps: 50, bidSize: 3, askSize: 1, bidNotional: 298.5, askNotional: 100.5 }],
  bids: [
    { price: 99.5, size: 3 },
    { price: 99, size: 0.000000001 },
  ],
  asks: [{ price: 100.5, size: 1 }],
  sourceTopic: 'market.book',
  sourceEventTime: eventTime - 1,
  ...more,
});
/** The same book after a gap: no figures. */
export const stale = (instrument: string, eventTime: number): Depth =>
  depth(instrument, eventTime, {
    state: 'STALE',
    staleReason: 'GAP',
    gaps: 1,
    spread: null,
    spreadBps: null,
    mid: null,
    microprice: null,
    imbalance: null,
    depths: [],
    bands: [],
  });
