import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FEATURE_NAMES, FEATURES, GROUP_NAMES } from '#ml/features/breach-table.ts';
import { BATCH_ROWS, contributionsOf, rowsToExplain } from '#ml/features/contributions.ts';

const COUNT = FEATURES.length;
const logit = (p: number) => Math.log(p / (1 - p));
type Score = (row: Float64Array) => number;

function explain(row: Float64Array, reference: Float64Array, score: Score) {
  const rows = rowsToExplain(row, reference);
  const scores = Float64Array.from({ length: BATCH_ROWS }, (_, at) =>
    score(rows.subarray(at * COUNT, (at + 1) * COUNT)),
  );
  return contributionsOf(row, scores);
}
const vectors = fc
  .array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: COUNT, maxLength: COUNT })
  .map(Float64Array.from.bind(Float64Array));
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

describe('contributions of groups of features', () => {
  it('add up to the log-odds of the row less those of the reference, whatever the model', () => {
    fc.assert(
      fc.property(vectors, vectors, vectors, (row, reference, weights) => {
        // Interactions across groups, and a threshold.
        const score: Score = (x) =>
          sigmoid(weights[0]! * x[0]! * x[9]! + weights[1]! * Number(x[25]! > x[1]!) + Math.sin(x[30]!));
        const found = explain(row, reference, score);
        const sum = found.reduce((total, { logOdds }) => total + logOdds, 0);
        expect(sum).toBeCloseTo(logit(score(row)) - logit(score(reference)), 9);
        expect(found.map(({ group }) => group).sort()).toEqual([...GROUP_NAMES].sort());
      }),
      { numRuns: 30 },
    );
  });

  it('are of a sum of groups what each term adds', () => {
    fc.assert(
      fc.property(vectors, vectors, vectors, (row, reference, weights) => {
        const score: Score = (x) => sigmoid(x.reduce((sum, value, at) => sum + (weights[at]! * value) / COUNT, 0));
        for (const { group, logOdds } of explain(row, reference, score)) {
          const own = FEATURES.reduce(
            (sum, feature, at) =>
              sum + (feature.group === group ? (weights[at]! * (row[at]! - reference[at]!)) / COUNT : 0),
            0,
          );
          expect(logOdds).toBeCloseTo(own, 9);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('share what two groups do together equally, and give nothing to one that the model does not look at', () => {
    const [a, b] = [FEATURE_NAMES.indexOf('utilisation'), FEATURE_NAMES.indexOf('marketVolatility')];
    const row = new Float64Array(COUNT).fill(1);
    const found = explain(row, new Float64Array(COUNT), (x) => sigmoid(3 * x[a]! * x[b]!));
    expect(found.slice(0, 2).map(({ group }) => group)).toEqual(['level', 'market']);
    expect(found[0]!.logOdds).toBeCloseTo(1.5, 12);
    expect(found[1]!.logOdds).toBeCloseTo(1.5, 12);
    expect(found.slice(2).every(({ logOdds }) => Math.abs(logOdds) < 1e-12)).toBe(true);
  });

  it('name the feature of a group that matters most, with its value', () => {
    const at = FEATURE_NAMES.indexOf('drawdown');
    const row = new Float64Array(COUNT).fill(0.7);
    const [first] = explain(row, new Float64Array(COUNT), (x) =>
      sigmoid(2 * x[at]! + 0.1 * x[FEATURE_NAMES.indexOf('leverage')]!),
    );
    expect(first).toMatchObject({ group: 'portfolio', feature: 'drawdown', value: 0.7 });
  });

  it('are finite where the model is certain, and refused where a score is none', () => {
    const row = new Float64Array(COUNT).fill(1);
    const certain = explain(row, new Float64Array(COUNT), (x) => (x[0] === 1 ? 1 : 0));
    expect(certain[0]!.group).toBe('level');
    expect(certain[0]!.logOdds).toBeCloseTo(60, 9);
    const refused = (code: string, act: () => void) => expect(act).toThrow(expect.objectContaining({ code }));
    refused('VALUE_NOT_FINITE', () => explain(row, row, () => Number.NaN));
    refused('VALUE_NOT_FINITE', () => explain(row, row, () => 1.1));
    refused('SHAPE_MISMATCH', () => rowsToExplain(row.subarray(1), row));
    refused('SHAPE_MISMATCH', () => contributionsOf(row, new Float64Array(3)));
  });
});
