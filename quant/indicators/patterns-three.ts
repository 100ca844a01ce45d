/** Patterns of three to five candles. Each gives 0 where it is not there, else TA-Lib's figure: above zero bullish, below bearish. */
import type { Candles } from './candles.ts';
import { Hikkake } from './hikkake.ts';
import { candlePattern as pattern } from './pattern.ts';
import type { IndicatorDefinition } from './types.ts';

const BULLISH = 100;
const BEARISH = -100;

const isLong = (c: Candles, back: number) => c.body(back) > c.size('bodyLong', back);
const isShort = (c: Candles, back: number) => c.body(back) < c.size('bodyShort', back);
const isDoji = (c: Candles, back: number) => c.body(back) <= c.size('bodyDoji', back);
const hasNoUpper = (c: Candles, back: number) => c.upper(back) < c.size('shadowVeryShort', back);
const hasNoLower = (c: Candles, back: number) => c.lower(back) < c.size('shadowVeryShort', back);
/** The newest `count` candles are of a colour. */
function areAll(c: Candles, color: 1 | -1, count: number): boolean {
  for (let back = 0; back < count; back++) if (c.color(back) !== color) return false;
  return true;
}
/** Each of three white candles opens within or near the body before it and closes higher. */
const advances = (c: Candles) =>
  areAll(c, 1, 3) &&
  c.close(0) > c.close(1) &&
  c.close(1) > c.close(2) &&
  c.open(1) > c.open(2) &&
  c.open(1) <= c.close(2) + c.size('near', 2);

/** A star between two candles: after a rise, what follows falls back into the first body. `isStar`: whether the middle one is small enough. */
const evening = (isStar: (c: Candles) => boolean) => (c: Candles, penetration: number) =>
  isLong(c, 2) &&
  c.color(2) === 1 &&
  isStar(c) &&
  c.gapsUp(1, 2) &&
  c.body(0) > c.size('bodyShort', 0) &&
  c.color(0) === -1 &&
  c.close(0) < c.close(2) - c.body(2) * penetration
    ? BEARISH
    : 0;
const morning = (isStar: (c: Candles) => boolean) => (c: Candles, penetration: number) =>
  isLong(c, 2) &&
  c.color(2) === -1 &&
  isStar(c) &&
  c.gapsDown(1, 2) &&
  c.body(0) > c.size('bodyShort', 0) &&
  c.color(0) === 1 &&
  c.close(0) > c.close(2) + c.body(2) * penetration
    ? BULLISH
    : 0;
const isDojiStar = (c: Candles) => isDoji(c, 1);
const isSmallStar = (c: Candles) => c.body(1) <= c.size('bodyShort', 1);
const STAR_DEPTH = 0.3;

const THREE: readonly IndicatorDefinition[] = [
  pattern('CDL2CROWS', 'Two crows', ['bodyLong'], 2, (c) =>
    c.color(2) === 1 &&
    isLong(c, 2) &&
    c.color(1) === -1 &&
    c.gapsUp(1, 2) &&
    c.color(0) === -1 &&
    c.open(0) < c.open(1) &&
    c.open(0) > c.close(1) &&
    c.close(0) > c.open(2) &&
    c.close(0) < c.close(2)
      ? BEARISH
      : 0,
  ),
  pattern('CDL3INSIDE', 'Three inside', ['bodyShort', 'bodyLong'], 2, (c) =>
    isLong(c, 2) &&
    c.body(1) <= c.size('bodyShort', 1) &&
    c.top(1) < c.top(2) &&
    c.bottom(1) > c.bottom(2) &&
    c.color(0) === -c.color(2) &&
    (c.color(2) === 1 ? c.close(0) < c.open(2) : c.close(0) > c.open(2))
      ? -c.color(2) * 100
      : 0,
  ),
  pattern('CDL3OUTSIDE', 'Three outside', [], 3, (c) => {
    if (c.color(1) !== -c.color(2)) return 0;
    const isUp = c.color(1) === 1 && c.close(1) > c.open(2) && c.open(1) < c.close(2) && c.close(0) > c.close(1);
    const isDown = c.color(1) === -1 && c.open(1) > c.close(2) && c.close(1) < c.open(2) && c.close(0) < c.close(1);
    return isUp || isDown ? c.color(1) * 100 : 0;
  }),
  pattern(
    'CDL3STARSINSOUTH',
    'Three stars in the south',
    ['shadowVeryShort', 'shadowLong', 'bodyLong', 'bodyShort'],
    2,
    (c) =>
      areAll(c, -1, 3) &&
      isLong(c, 2) &&
      c.lower(2) > c.size('shadowLong', 2) &&
      c.body(1) < c.body(2) &&
      c.open(1) > c.close(2) &&
      c.open(1) <= c.high(2) &&
      c.low(1) < c.close(2) &&
      c.low(1) >= c.low(2) &&
      c.lower(1) > c.size('shadowVeryShort', 1) &&
      isShort(c, 0) &&
      hasNoLower(c, 0) &&
      hasNoUpper(c, 0) &&
      c.low(0) > c.low(1) &&
      c.high(0) < c.high(1)
        ? BULLISH
        : 0,
  ),
  pattern(
    'CDL3WHITESOLDIERS',
    'Three advancing white soldiers',
    ['shadowVeryShort', 'bodyShort', 'far', 'near'],
    2,
    (c) =>
      advances(c) &&
      hasNoUpper(c, 2) &&
      hasNoUpper(c, 1) &&
      hasNoUpper(c, 0) &&
      c.open(0) > c.open(1) &&
      c.open(0) <= c.close(1) + c.size('near', 1) &&
      c.body(1) > c.body(2) - c.size('far', 2) &&
      c.body(0) > c.body(1) - c.size('far', 1) &&
      c.body(0) > c.size('bodyShort', 0)
        ? BULLISH
        : 0,
  ),
  pattern(
    'CDLABANDONEDBABY',
    'Abandoned baby',
    ['bodyDoji', 'bodyLong', 'bodyShort'],
    2,
    (c, penetration) => {
      if (!isLong(c, 2) || !isDoji(c, 1) || c.body(0) <= c.size('bodyShort', 0) || c.color(0) !== -c.color(2)) return 0;
      const depth = c.body(2) * penetration;
      const isTop = c.color(2) === 1 && c.close(0) < c.close(2) - depth && c.leapsUp(1, 2) && c.leapsDown(0, 1);
      const isBottom = c.color(2) === -1 && c.close(0) > c.close(2) + depth && c.leapsDown(1, 2) && c.leapsUp(0, 1);
      return isTop || isBottom ? c.color(0) * 100 : 0;
    },
    STAR_DEPTH,
  ),
  pattern('CDLADVANCEBLOCK', 'Advance block', ['shadowLong', 'shadowShort', 'far', 'near', 'bodyLong'], 2, (c) => {
    const isAdvance =
      advances(c) &&
      c.open(0) > c.open(1) &&
      c.open(0) <= c.close(1) + c.size('near', 1) &&
      isLong(c, 2) &&
      c.upper(2) < c.size('shadowShort', 2);
    if (!isAdvance) return 0;
    const isWeak =
      (c.body(1) < c.body(2) - c.size('far', 2) && c.body(0) < c.body(1) + c.size('near', 1)) ||
      c.body(0) < c.body(1) - c.size('far', 1) ||
      (c.body(0) < c.body(1) &&
        c.body(1) < c.body(2) &&
        (c.upper(0) > c.size('shadowShort', 0) || c.upper(1) > c.size('shadowShort', 1))) ||
      (c.body(0) < c.body(1) && c.upper(0) > c.size('shadowLong', 0));
    return isWeak ? BEARISH : 0;
  }),
  pattern(
    'CDLEVENINGDOJISTAR',
    'Evening doji star',
    ['bodyDoji', 'bodyLong', 'bodyShort'],
    2,
    evening(isDojiStar),
    STAR_DEPTH,
  ),
  pattern('CDLEVENINGSTAR', 'Evening star', ['bodyLong', 'bodyShort'], 2, evening(isSmallStar), STAR_DEPTH),
  pattern(
    'CDLMORNINGDOJISTAR',
    'Morning doji star',
    ['bodyDoji', 'bodyLong', 'bodyShort'],
    2,
    morning(isDojiStar),
    STAR_DEPTH,
  ),
  pattern('CDLMORNINGSTAR', 'Morning star', ['bodyLong', 'bodyShort'], 2, morning(isSmallStar), STAR_DEPTH),
  pattern('CDLGAPSIDESIDEWHITE', 'Gap, side by side white lines', ['near', 'equal'], 2, (c) => {
    const isUp = c.gapsUp(1, 2) && c.gapsUp(0, 2);
    if (!isUp && !(c.gapsDown(1, 2) && c.gapsDown(0, 2))) return 0;
    const areAlike =
      areAll(c, 1, 2) &&
      c.isAround(c.body(0), c.body(1), c.size('near', 1)) &&
      c.isAround(c.open(0), c.open(1), c.size('equal', 1));
    return areAlike ? (isUp ? BULLISH : BEARISH) : 0;
  }),
  pattern('CDLIDENTICAL3CROWS', 'Identical three crows', ['shadowVeryShort', 'equal'], 2, (c) =>
    areAll(c, -1, 3) &&
    hasNoLower(c, 2) &&
    hasNoLower(c, 1) &&
    hasNoLower(c, 0) &&
    c.close(2) > c.close(1) &&
    c.close(1) > c.close(0) &&
    c.isAround(c.open(1), c.close(2), c.size('equal', 2)) &&
    c.isAround(c.open(0), c.close(1), c.size('equal', 1))
      ? BEARISH
      : 0,
  ),
  pattern('CDLSTALLEDPATTERN', 'Stalled pattern', ['bodyLong', 'bodyShort', 'shadowVeryShort', 'near'], 2, (c) =>
    advances(c) &&
    isLong(c, 2) &&
    isLong(c, 1) &&
    hasNoUpper(c, 1) &&
    isShort(c, 0) &&
    c.open(0) >= c.close(1) - c.body(0) - c.size('near', 1)
      ? BEARISH
      : 0,
  ),
  pattern('CDLSTICKSANDWICH', 'Stick sandwich', ['equal'], 2, (c) =>
    c.color(2) === -1 &&
    c.color(1) === 1 &&
    c.color(0) === -1 &&
    c.low(1) > c.close(2) &&
    c.isAround(c.close(0), c.close(2), c.size('equal', 2))
      ? BULLISH
      : 0,
  ),
  pattern('CDLTASUKIGAP', 'Tasuki gap', ['near'], 2, (c) => {
    if (c.color(0) !== -c.color(1) || Math.abs(c.body(1) - c.body(0)) >= c.size('near', 1)) return 0;
    const isUp =
      c.gapsUp(1, 2) &&
      c.color(1) === 1 &&
      c.open(0) < c.close(1) &&
      c.open(0) > c.open(1) &&
      c.close(0) < c.open(1) &&
      c.close(0) > c.top(2);
    const isDown =
      c.gapsDown(1, 2) &&
      c.color(1) === -1 &&
      c.open(0) < c.open(1) &&
      c.open(0) > c.close(1) &&
      c.close(0) > c.open(1) &&
      c.close(0) < c.bottom(2);
    return isUp || isDown ? c.color(1) * 100 : 0;
  }),
  pattern('CDLTRISTAR', 'Tristar', ['bodyDoji'], 2, (c) => {
    const size = c.size('bodyDoji', 2);
    if (c.body(2) > size || c.body(1) > size || c.body(0) > size) return 0;
    if (c.gapsUp(1, 2) && c.top(0) < c.top(1)) return BEARISH;
    return c.gapsDown(1, 2) && c.bottom(0) > c.bottom(1) ? BULLISH : 0;
  }),
  pattern('CDLUNIQUE3RIVER', 'Unique three river', ['bodyShort', 'bodyLong'], 2, (c) =>
    isLong(c, 2) &&
    c.color(2) === -1 &&
    c.color(1) === -1 &&
    c.close(1) > c.close(2) &&
    c.open(1) <= c.open(2) &&
    c.low(1) < c.low(2) &&
    isShort(c, 0) &&
    c.color(0) === 1 &&
    c.open(0) > c.low(1)
      ? BULLISH
      : 0,
  ),
  pattern('CDLUPSIDEGAP2CROWS', 'Upside gap, two crows', ['bodyShort', 'bodyLong'], 2, (c) =>
    c.color(2) === 1 &&
    isLong(c, 2) &&
    c.color(1) === -1 &&
    isSmallStar(c) &&
    c.gapsUp(1, 2) &&
    c.color(0) === -1 &&
    c.open(0) > c.open(1) &&
    c.close(0) < c.close(1) &&
    c.close(0) > c.close(2)
      ? BEARISH
      : 0,
  ),
  pattern('CDLXSIDEGAP3METHODS', 'Gap, three methods', [], 2, (c) =>
    c.color(2) === c.color(1) &&
    c.color(1) === -c.color(0) &&
    c.open(0) < c.top(1) &&
    c.open(0) > c.bottom(1) &&
    c.close(0) < c.top(2) &&
    c.close(0) > c.bottom(2) &&
    (c.color(2) === 1 ? c.gapsUp(1, 2) : c.gapsDown(1, 2))
      ? c.color(2) * 100
      : 0,
  ),
];

const MORE: readonly IndicatorDefinition[] = [
  pattern('CDL3BLACKCROWS', 'Three black crows', ['shadowVeryShort'], 3, (c) =>
    c.color(3) === 1 &&
    areAll(c, -1, 3) &&
    hasNoLower(c, 2) &&
    hasNoLower(c, 1) &&
    hasNoLower(c, 0) &&
    c.open(1) < c.open(2) &&
    c.open(1) > c.close(2) &&
    c.open(0) < c.open(1) &&
    c.open(0) > c.close(1) &&
    c.high(3) > c.close(2) &&
    c.close(2) > c.close(1) &&
    c.close(1) > c.close(0)
      ? BEARISH
      : 0,
  ),
  pattern('CDL3LINESTRIKE', 'Three-line strike', ['near'], 3, (c) => {
    const color = c.color(1);
    const opensNear = (back: number) =>
      c.open(back) >= c.bottom(back + 1) - c.size('near', back + 1) &&
      c.open(back) <= c.top(back + 1) + c.size('near', back + 1);
    if (c.color(3) !== c.color(2) || c.color(2) !== color || c.color(0) !== -color) return 0;
    if (!opensNear(2) || !opensNear(1)) return 0;
    const isUp = c.close(1) > c.close(2) && c.close(2) > c.close(3) && c.open(0) > c.close(1) && c.close(0) < c.open(3);
    const isDown =
      c.close(1) < c.close(2) && c.close(2) < c.close(3) && c.open(0) < c.close(1) && c.close(0) > c.open(3);
    return (color === 1 ? isUp : isDown) ? color * 100 : 0;
  }),
  pattern('CDLBREAKAWAY', 'Breakaway', ['bodyLong'], 4, (c) => {
    const color = c.color(4);
    if (!isLong(c, 4) || c.color(3) !== color || c.color(1) !== color || c.color(0) !== -color) return 0;
    const falls = (back: number) => c.high(back) < c.high(back + 1) && c.low(back) < c.low(back + 1);
    const rises = (back: number) => c.high(back) > c.high(back + 1) && c.low(back) > c.low(back + 1);
    const isDown = c.gapsDown(3, 4) && falls(2) && falls(1) && c.close(0) > c.open(3) && c.close(0) < c.close(4);
    const isUp = c.gapsUp(3, 4) && rises(2) && rises(1) && c.close(0) < c.open(3) && c.close(0) > c.close(4);
    return (color === -1 ? isDown : isUp) ? c.color(0) * 100 : 0;
  }),
  pattern('CDLCONCEALBABYSWALL', 'Concealing baby swallow', ['shadowVeryShort'], 3, (c) =>
    areAll(c, -1, 4) &&
    hasNoLower(c, 3) &&
    hasNoUpper(c, 3) &&
    hasNoLower(c, 2) &&
    hasNoUpper(c, 2) &&
    c.gapsDown(1, 2) &&
    c.upper(1) > c.size('shadowVeryShort', 1) &&
    c.high(1) > c.close(2) &&
    c.high(0) > c.high(1) &&
    c.low(0) < c.low(1)
      ? BULLISH
      : 0,
  ),
  pattern('CDLLADDERBOTTOM', 'Ladder bottom', ['shadowVeryShort'], 4, (c) =>
    c.color(4) === -1 &&
    c.color(3) === -1 &&
    c.color(2) === -1 &&
    c.open(4) > c.open(3) &&
    c.open(3) > c.open(2) &&
    c.close(4) > c.close(3) &&
    c.close(3) > c.close(2) &&
    c.color(1) === -1 &&
    c.upper(1) > c.size('shadowVeryShort', 1) &&
    c.color(0) === 1 &&
    c.open(0) > c.open(1) &&
    c.close(0) > c.high(1)
      ? BULLISH
      : 0,
  ),
  pattern(
    'CDLMATHOLD',
    'Mat hold',
    ['bodyShort', 'bodyLong'],
    4,
    (c, penetration) => {
      const areSized = isLong(c, 4) && isShort(c, 3) && isShort(c, 2) && isShort(c, 1);
      const areColored = c.color(4) === 1 && c.color(3) === -1 && c.color(0) === 1;
      if (!areSized || !areColored || !c.gapsUp(3, 4)) return 0;
      const floor = c.close(4) - c.body(4) * penetration;
      const areHeld =
        c.bottom(2) < c.close(4) && c.bottom(1) < c.close(4) && c.bottom(2) > floor && c.bottom(1) > floor;
      const isFalling = c.top(2) < c.open(3) && c.top(1) < c.top(2);
      const isBreakout = c.open(0) > c.close(1) && c.close(0) > Math.max(c.high(3), c.high(2), c.high(1));
      return areHeld && isFalling && isBreakout ? BULLISH : 0;
    },
    0.5,
  ),
  pattern('CDLRISEFALL3METHODS', 'Rising and falling three methods', ['bodyShort', 'bodyLong'], 4, (c) => {
    const color = c.color(4);
    const areSized = isLong(c, 4) && isShort(c, 3) && isShort(c, 2) && isShort(c, 1) && isLong(c, 0);
    const areColored = c.color(3) === -color && c.color(2) === -color && c.color(1) === -color && c.color(0) === color;
    if (!areSized || !areColored) return 0;
    const isHeld = (back: number) => c.bottom(back) < c.high(4) && c.top(back) > c.low(4);
    return isHeld(3) &&
      isHeld(2) &&
      isHeld(1) &&
      c.close(2) * color < c.close(3) * color &&
      c.close(1) * color < c.close(2) * color &&
      c.open(0) * color > c.close(1) * color &&
      c.close(0) * color > c.close(4) * color
      ? color * 100
      : 0;
  }),
];

export const PATTERNS_OF_THREE: readonly IndicatorDefinition[] = [
  ...THREE,
  ...MORE,
  {
    name: 'CDLHIKKAKE',
    title: 'Hikkake',
    group: 'pattern',
    inputs: ['high', 'low', 'close'],
    parameters: [],
    outputs: ['integer'],
    lookback: () => 5,
    bars: (memory) => new Hikkake(memory),
  },
];
