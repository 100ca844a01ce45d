import { normalCdf } from '#quant/distributions.ts';

/** Below this ln Φ is taken from its expansion: Φ itself is near the smallest double. */
const FAR = -30;
const LOG_SQRT_2_PI = Math.log(2 * Math.PI) / 2;

/**
 * Probability that a Brownian motion with `drift` and `volatility` a day, begun at 0, touches `barrier` above it within `days`:
 * Φ((μt − b) / σ√t) + exp(2μb / σ²) Φ((−b − μt) / σ√t) (Harrison, Brownian Motion and Stochastic Flow Systems, 1985, §1.8). 1 at or
 * beyond the barrier. Without volatility the path is a line. NaN for what is not a number.
 */
export function firstPassage(barrier: number, drift: number, volatility: number, days: number): number {
  if (!(Number.isFinite(barrier) && Number.isFinite(drift) && Number.isFinite(volatility) && days > 0))
    return Number.NaN;
  if (barrier <= 0) return 1;
  const spread = volatility * Math.sqrt(days);
  if (!(spread > 0) || barrier / spread > 1e100) return drift * days >= barrier ? 1 : 0;
  const direct = normalCdf((drift * days - barrier) / spread);
  const reflected = Math.exp(
    (2 * drift * barrier) / (volatility * volatility) + logNormalCdf((-barrier - drift * days) / spread),
  );
  return Math.min(1, direct + reflected);
}

/** ln Φ(x): far below, by the asymptotic expansion of Mills' ratio (Abramowitz and Stegun 26.2.12), 2e-10 at its worst. */
function logNormalCdf(x: number): number {
  if (x > FAR) return Math.log(normalCdf(x));
  const inverse = 1 / (x * x);
  const series = 1 - inverse * (1 - 3 * inverse * (1 - 5 * inverse));
  return -(x * x) / 2 - Math.log(-x) - LOG_SQRT_2_PI + Math.log(series);
}
