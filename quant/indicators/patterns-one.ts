/** Patterns of one or two candles. Each gives 0 where it is not there, else TA-Lib's figure: above zero bullish, below bearish. */
import type { Candles } from './candles.ts';
import { candlePattern as pattern } from './pattern.ts';
import type { IndicatorDefinition } from './types.ts';

const BULLISH = 100;
const BEARISH = -100;

const isDoji = (c: Candles, back: number) => c.body(back) <= c.size('bodyDoji', back);
const isLong = (c: Candles, back: number) => c.body(back) > c.size('bodyLong', back);
const isShort = (c: Candles, back: number) => c.body(back) < c.size('bodyShort', back);
const hasNoUpper = (c: Candles, back: number) => c.upper(back) < c.size('shadowVeryShort', back);
const hasNoLower = (c: Candles, back: number) => c.lower(back) < c.size('shadowVeryShort', back);
const isMarubozu = (c: Candles, back: number) => isLong(c, back) && hasNoUpper(c, back) && hasNoLower(c, back);

/** The newest candle within the body of a long one before it: 100 when strictly, 80 when an end is shared. */
function within(c: Candles): number {
  if (c.top(0) < c.top(1) && c.bottom(0) > c.bottom(1)) return -c.color(1) * 100;
  if (c.top(0) <= c.top(1) && c.bottom(0) >= c.bottom(1)) return -c.color(1) * 80;
  return 0;
}
const isKicking = (c: Candles) =>
  c.color(1) === -c.color(0) &&
  isMarubozu(c, 1) &&
  isMarubozu(c, 0) &&
  (c.color(1) === -1 ? c.leapsUp(0, 1) : c.leapsDown(0, 1));
/** A long black candle, and a white one that opens below its low. */
const fallsBelow = (c: Candles) => c.color(1) === -1 && isLong(c, 1) && c.color(0) === 1 && c.open(0) < c.low(1);

export const PATTERNS_OF_ONE: readonly IndicatorDefinition[] = [
  pattern('CDLBELTHOLD', 'Belt-hold', ['bodyLong', 'shadowVeryShort'], 0, (c) =>
    isLong(c, 0) && (c.color(0) === 1 ? hasNoLower(c, 0) : hasNoUpper(c, 0)) ? c.color(0) * 100 : 0,
  ),
  pattern('CDLCLOSINGMARUBOZU', 'Closing marubozu', ['bodyLong', 'shadowVeryShort'], 0, (c) =>
    isLong(c, 0) && (c.color(0) === 1 ? hasNoUpper(c, 0) : hasNoLower(c, 0)) ? c.color(0) * 100 : 0,
  ),
  pattern('CDLDOJI', 'Doji', ['bodyDoji'], 0, (c) => (isDoji(c, 0) ? BULLISH : 0)),
  pattern('CDLDRAGONFLYDOJI', 'Dragonfly doji', ['bodyDoji', 'shadowVeryShort'], 0, (c) =>
    isDoji(c, 0) && hasNoUpper(c, 0) && c.lower(0) > c.size('shadowVeryShort', 0) ? BULLISH : 0,
  ),
  pattern('CDLGRAVESTONEDOJI', 'Gravestone doji', ['bodyDoji', 'shadowVeryShort'], 0, (c) =>
    isDoji(c, 0) && hasNoLower(c, 0) && c.upper(0) > c.size('shadowVeryShort', 0) ? BULLISH : 0,
  ),
  pattern('CDLHIGHWAVE', 'High-wave candle', ['bodyShort', 'shadowVeryLong'], 0, (c) => {
    const size = c.size('shadowVeryLong', 0);
    return isShort(c, 0) && c.upper(0) > size && c.lower(0) > size ? c.color(0) * 100 : 0;
  }),
  pattern('CDLLONGLEGGEDDOJI', 'Long-legged doji', ['bodyDoji', 'shadowLong'], 0, (c) => {
    const size = c.size('shadowLong', 0);
    return isDoji(c, 0) && (c.lower(0) > size || c.upper(0) > size) ? BULLISH : 0;
  }),
  pattern('CDLLONGLINE', 'Long line', ['bodyLong', 'shadowShort'], 0, (c) => {
    const size = c.size('shadowShort', 0);
    return isLong(c, 0) && c.upper(0) < size && c.lower(0) < size ? c.color(0) * 100 : 0;
  }),
  pattern('CDLMARUBOZU', 'Marubozu', ['bodyLong', 'shadowVeryShort'], 0, (c) =>
    isMarubozu(c, 0) ? c.color(0) * 100 : 0,
  ),
  pattern('CDLRICKSHAWMAN', 'Rickshaw man', ['bodyDoji', 'shadowLong', 'near'], 0, (c) => {
    const long = c.size('shadowLong', 0);
    const near = c.size('near', 0);
    const middle = c.low(0) + c.range(0) / 2;
    const isCentred = c.bottom(0) <= middle + near && c.top(0) >= middle - near;
    return isDoji(c, 0) && c.lower(0) > long && c.upper(0) > long && isCentred ? BULLISH : 0;
  }),
  pattern('CDLSHORTLINE', 'Short line', ['bodyShort', 'shadowShort'], 0, (c) => {
    const size = c.size('shadowShort', 0);
    return isShort(c, 0) && c.upper(0) < size && c.lower(0) < size ? c.color(0) * 100 : 0;
  }),
  pattern('CDLSPINNINGTOP', 'Spinning top', ['bodyShort'], 0, (c) =>
    isShort(c, 0) && c.upper(0) > c.body(0) && c.lower(0) > c.body(0) ? c.color(0) * 100 : 0,
  ),
  pattern('CDLTAKURI', 'Takuri', ['bodyDoji', 'shadowVeryShort', 'shadowVeryLong'], 0, (c) =>
    isDoji(c, 0) && hasNoUpper(c, 0) && c.lower(0) > c.size('shadowVeryLong', 0) ? BULLISH : 0,
  ),
  pattern('CDLCOUNTERATTACK', 'Counterattack', ['equal', 'bodyLong'], 1, (c) =>
    c.color(1) === -c.color(0) && isLong(c, 1) && isLong(c, 0) && c.isAround(c.close(0), c.close(1), c.size('equal', 1))
      ? c.color(0) * 100
      : 0,
  ),
  pattern(
    'CDLDARKCLOUDCOVER',
    'Dark cloud cover',
    ['bodyLong'],
    1,
    (c, penetration) =>
      c.color(1) === 1 &&
      isLong(c, 1) &&
      c.color(0) === -1 &&
      c.open(0) > c.high(1) &&
      c.close(0) > c.open(1) &&
      c.close(0) < c.close(1) - c.body(1) * penetration
        ? BEARISH
        : 0,
    0.5,
  ),
  pattern('CDLDOJISTAR', 'Doji star', ['bodyDoji', 'bodyLong'], 1, (c) =>
    isLong(c, 1) && isDoji(c, 0) && (c.color(1) === 1 ? c.gapsUp(0, 1) : c.gapsDown(0, 1)) ? -c.color(1) * 100 : 0,
  ),
  pattern('CDLENGULFING', 'Engulfing', [], 2, (c) => {
    if (c.color(0) !== -c.color(1)) return 0;
    const isShared = c.top(0) === c.top(1) || c.bottom(0) === c.bottom(1);
    const isAround = c.top(0) >= c.top(1) && c.bottom(0) <= c.bottom(1);
    const isBoth = c.top(0) === c.top(1) && c.bottom(0) === c.bottom(1);
    return isAround && !isBoth ? c.color(0) * (isShared ? 80 : 100) : 0;
  }),
  pattern('CDLHAMMER', 'Hammer', ['bodyShort', 'shadowLong', 'shadowVeryShort', 'near'], 1, (c) =>
    isShort(c, 0) &&
    c.lower(0) > c.size('shadowLong', 0) &&
    hasNoUpper(c, 0) &&
    c.bottom(0) <= c.low(1) + c.size('near', 1)
      ? BULLISH
      : 0,
  ),
  pattern('CDLHANGINGMAN', 'Hanging man', ['bodyShort', 'shadowLong', 'shadowVeryShort', 'near'], 1, (c) =>
    isShort(c, 0) &&
    c.lower(0) > c.size('shadowLong', 0) &&
    hasNoUpper(c, 0) &&
    c.bottom(0) >= c.high(1) - c.size('near', 1)
      ? BEARISH
      : 0,
  ),
  pattern('CDLHARAMI', 'Harami', ['bodyShort', 'bodyLong'], 1, (c) =>
    isLong(c, 1) && c.body(0) <= c.size('bodyShort', 0) ? within(c) : 0,
  ),
  pattern('CDLHARAMICROSS', 'Harami cross', ['bodyDoji', 'bodyLong'], 1, (c) =>
    isLong(c, 1) && isDoji(c, 0) ? within(c) : 0,
  ),
  pattern('CDLHOMINGPIGEON', 'Homing pigeon', ['bodyShort', 'bodyLong'], 1, (c) =>
    c.color(1) === -1 &&
    c.color(0) === -1 &&
    isLong(c, 1) &&
    c.body(0) <= c.size('bodyShort', 0) &&
    c.open(0) < c.open(1) &&
    c.close(0) > c.close(1)
      ? BULLISH
      : 0,
  ),
  pattern('CDLINNECK', 'In-neck', ['equal', 'bodyLong'], 1, (c) =>
    fallsBelow(c) && c.close(0) <= c.close(1) + c.size('equal', 1) && c.close(0) >= c.close(1) ? BEARISH : 0,
  ),
  pattern('CDLINVERTEDHAMMER', 'Inverted hammer', ['bodyShort', 'shadowLong', 'shadowVeryShort'], 1, (c) =>
    isShort(c, 0) && c.upper(0) > c.size('shadowLong', 0) && hasNoLower(c, 0) && c.gapsDown(0, 1) ? BULLISH : 0,
  ),
  pattern('CDLKICKING', 'Kicking', ['shadowVeryShort', 'bodyLong'], 1, (c) => (isKicking(c) ? c.color(0) * 100 : 0)),
  pattern('CDLKICKINGBYLENGTH', 'Kicking, by the longer one', ['shadowVeryShort', 'bodyLong'], 1, (c) =>
    isKicking(c) ? c.color(c.body(0) > c.body(1) ? 0 : 1) * 100 : 0,
  ),
  pattern('CDLMATCHINGLOW', 'Matching low', ['equal'], 1, (c) =>
    c.color(1) === -1 && c.color(0) === -1 && c.isAround(c.close(0), c.close(1), c.size('equal', 1)) ? BULLISH : 0,
  ),
  pattern('CDLONNECK', 'On-neck', ['equal', 'bodyLong'], 1, (c) =>
    fallsBelow(c) && c.isAround(c.close(0), c.low(1), c.size('equal', 1)) ? BEARISH : 0,
  ),
  pattern('CDLPIERCING', 'Piercing', ['bodyLong'], 1, (c) =>
    fallsBelow(c) && isLong(c, 0) && c.close(0) < c.open(1) && c.close(0) > c.close(1) + c.body(1) * 0.5 ? BULLISH : 0,
  ),
  pattern('CDLSEPARATINGLINES', 'Separating lines', ['shadowVeryShort', 'bodyLong', 'equal'], 1, (c) =>
    c.color(1) === -c.color(0) &&
    c.isAround(c.open(0), c.open(1), c.size('equal', 1)) &&
    isLong(c, 0) &&
    (c.color(0) === 1 ? hasNoLower(c, 0) : hasNoUpper(c, 0))
      ? c.color(0) * 100
      : 0,
  ),
  pattern('CDLSHOOTINGSTAR', 'Shooting star', ['bodyShort', 'shadowLong', 'shadowVeryShort'], 1, (c) =>
    isShort(c, 0) && c.upper(0) > c.size('shadowLong', 0) && hasNoLower(c, 0) && c.gapsUp(0, 1) ? BEARISH : 0,
  ),
  pattern('CDLTHRUSTING', 'Thrusting', ['equal', 'bodyLong'], 1, (c) =>
    fallsBelow(c) && c.close(0) > c.close(1) + c.size('equal', 1) && c.close(0) <= c.close(1) + c.body(1) * 0.5
      ? BEARISH
      : 0,
  ),
];
