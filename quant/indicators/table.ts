import { CHANGES } from './changes.ts';
import { CYCLE } from './cycle.ts';
import { DIRECTIONAL } from './directional.ts';
import { MACD } from './macd.ts';
import { OSCILLATORS } from './oscillators.ts';
import { OVERLAP } from './overlap.ts';
import { PATTERNS_OF_ONE } from './patterns-one.ts';
import { PATTERNS_OF_THREE } from './patterns-three.ts';
import { PRICE_TRANSFORM } from './price-transform.ts';
import { MATH, STATISTIC } from './statistic.ts';
import { STOCHASTIC } from './stochastic.ts';
import type { IndicatorDefinition } from './types.ts';
import { VOLATILITY } from './volatility.ts';
import { VOLUME } from './volume.ts';

/** Every indicator, once: what the stream calculates, the documents list and the page offers derives from this table. */
export const INDICATORS: readonly IndicatorDefinition[] = [
  ...OVERLAP,
  ...DIRECTIONAL,
  ...CHANGES,
  ...MACD,
  ...STOCHASTIC,
  ...OSCILLATORS,
  ...VOLUME,
  ...VOLATILITY,
  ...PRICE_TRANSFORM,
  ...CYCLE,
  ...STATISTIC,
  ...MATH,
  ...PATTERNS_OF_ONE,
  ...PATTERNS_OF_THREE,
];

const byName = new Map(INDICATORS.map((definition) => [definition.name, definition]));

/** By TA-Lib's name; undefined where there is none. */
export const indicator = (name: string): IndicatorDefinition | undefined => byName.get(name);
