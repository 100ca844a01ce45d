/** Which regime a day belonged to, as seen a month and a half later: what voters learn from and are judged by. */
import { type RegimeName, regimeAt } from './regimes.ts';
import type { ReturnWindow } from './return-window.ts';

/** Days after a day that its label looks at. */
export const LABEL_DAYS = 31;
const WINDOW_DAYS = 2 * LABEL_DAYS + 1;
const SHORT_DAYS = 21;
const SHORT_FROM = LABEL_DAYS - (SHORT_DAYS - 1) / 2;
const YEAR_DAYS = 250;
const MONTH_DAYS = 21;
/** Returns before the window that say what is usual: fewer say nothing. */
const LEAST_USUAL_DAYS = 189;
/** Returns that a label needs. */
export const FIRST_LABEL = WINDOW_DAYS + LEAST_USUAL_DAYS;

/** Volatility of three weeks in a crisis, of three months where it is volatile, in usual ones. */
const CRISIS_VOLATILITY = 2;
const VOLATILE = 1.2;
/** Fall below the year's high in a crisis, in usual volatilities of a month. */
const CRISIS_FALL = 2.5;
/** Return of the window in its own standard deviations, from which on it has a direction. */
const DIRECTION = 0.35;

/** The regime of the day LABEL_DAYS before the newest; null where too little is known. A function of the window alone. */
export function labelOf(window: ReturnWindow): RegimeName | null {
  if (window.count < FIRST_LABEL) return null;
  const usual = window.usualVolatility(WINDOW_DAYS);
  if (window.volatility(SHORT_DAYS, SHORT_FROM) >= CRISIS_VOLATILITY * usual) {
    const fall = CRISIS_FALL * usual * Math.sqrt(MONTH_DAYS);
    for (let day = SHORT_FROM; day < SHORT_FROM + SHORT_DAYS; day++) {
      const days = Math.min(YEAR_DAYS, window.count - day);
      if (window.extremes(days, day).below >= fall) return 'CRISIS';
    }
  }
  const volatility = window.volatility(WINDOW_DAYS);
  const trend = window.sum(WINDOW_DAYS) / (volatility * Math.sqrt(WINDOW_DAYS));
  if (volatility >= VOLATILE * usual) return trend >= 0 ? 'BULL_VOLATILE' : 'BEAR_VOLATILE';
  if (Math.abs(trend) < DIRECTION) return 'SIDEWAYS';
  return trend > 0 ? 'BULL_CALM' : 'BEAR_CALM';
}

/** As labelOf, by place in rows of six; -1 where too little is known. */
export function labelAt(window: ReturnWindow): number {
  const name = labelOf(window);
  return name ? regimeAt(name) : -1;
}
