/** What each position adds to the risk of the whole. */
import { requireLength } from './checks.ts';
import { between, placeOf } from './order-statistics.ts';
import { historicalTail, tailProbability } from './tail.ts';

/** Of one position, in the exposures' currency. */
export interface Contribution {
  /** Its part of VaR and of ES (Euler's allocation): over all positions they sum to the whole. Negative: it takes risk away. */
  readonly componentVar: number;
  readonly componentEs: number;
  /** Change of VaR for one unit of currency more of it. 0 of what is not held has no component, but a marginal figure. */
  readonly marginalVar: number;
  /** VaR of the portfolio less its VaR without the position. */
  readonly incrementalVar: number;
}

/**
 * Contributions under historical simulation. VaR is the profit of one scenario, or between two; a position's component is its own loss there, so
 * they sum to VaR exactly. Components of ES are mean own losses over the tail, and steadier (Tasche 2000, Hallerbach 2003).
 * `profits`: the portfolio's in each scenario; `exposures` and `returns` by position. Throws as `historicalTail`.
 */
export function historicalContributions(
  profits: Float64Array,
  exposures: Float64Array,
  returns: readonly Float64Array[],
  confidence: number,
): Contribution[] {
  requireLength(profits, 2, 'Scenarios');
  const whole = historicalTail(profits, confidence);
  const { rank, fraction } = placeOf(tailProbability(confidence), profits.length);
  const order = Uint32Array.from(profits.keys()).sort((a, b) => profits[a]! - profits[b]! || a - b);
  const low = order[rank]!;
  const high = order[Math.min(rank + 1, profits.length - 1)]!;
  const without = new Float64Array(profits.length);
  return returns.map((row, position) => {
    const exposure = exposures[position]!;
    const marginalVar = 0 - between(row[low]!, row[high]!, fraction);
    let tail = 0;
    for (let index = 0; index <= rank; index++) tail += row[order[index]!]!;
    for (let scenario = 0; scenario < profits.length; scenario++)
      without[scenario] = profits[scenario]! - exposure * row[scenario]!;
    return {
      componentVar: exposure * marginalVar,
      componentEs: 0 - (exposure * tail) / (rank + 1),
      marginalVar,
      incrementalVar: whole.valueAtRisk - historicalTail(without, confidence).valueAtRisk,
    };
  });
}
