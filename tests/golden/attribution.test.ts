import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Attribution, brinsonFachler, linkCarino, type SectorReturn } from '#quant/attribution.ts';

const EFFECTS = ['allocation', 'selection', 'interaction'] as const;
type Figures = Readonly<Record<(typeof EFFECTS)[number], readonly number[]>>;
interface Reference {
  readonly sectors: readonly string[];
  readonly portfolio: readonly (readonly SectorReturn[])[];
  readonly benchmark: readonly (readonly SectorReturn[])[];
  readonly first: Figures;
  readonly linked: Figures;
  readonly portfolioReturn: number;
  readonly benchmarkReturn: number;
}
/** Made by attribution_reference.py: numpy for the periods, 50 digits for linking them. */
const reference = JSON.parse(readFileSync(join(import.meta.dirname, 'attribution.json'), 'utf8')) as Reference;

const side = (sectors: readonly SectorReturn[]) => ({
  return: sectors.reduce((sum, { contribution }) => sum + contribution, 0),
  sectors,
});
const periods = reference.portfolio.map((own, index) => brinsonFachler(side(own), side(reference.benchmark[index]!)));

/** To 1e-9 of the figure; absolute below the size of rounding, 1e-15, where a figure is zero. */
function same(actual: Attribution, expected: Figures): void {
  reference.sectors.forEach((sector, index) => {
    const row = actual.sectors.find((found) => found.sector === sector)!;
    for (const effect of EFFECTS) {
      const value = expected[effect][index]!;
      const what = `${effect} of ${sector}: ${row[effect]} against ${value}`;
      expect(Math.abs(row[effect] - value), what).toBeLessThanOrEqual(Math.abs(value) * 1e-9 + 1e-15);
    }
  });
}

it('Brinson and Fachler of a quarter of real stocks, one sector missing on each side: numpy', () => {
  expect(periods).toHaveLength(24);
  same(periods[0]!, reference.first);
});

it('Cariño over 24 quarters: 50 digits', () => {
  const linked = linkCarino(periods);
  same(linked, reference.linked);
  expect(linked.portfolioReturn).toBeCloseTo(reference.portfolioReturn, 13);
  expect(linked.benchmarkReturn).toBeCloseTo(reference.benchmarkReturn, 13);
});
