/** The regimes of a market, by what they mean for whoever answers for its risk. In the order of all rows of six numbers. */
export const REGIMES = [
  {
    name: 'BULL_CALM',
    meaning: 'Prices rise and move less than they usually do: limits are far, positions grow by themselves.',
  },
  {
    name: 'BULL_VOLATILE',
    meaning:
      'Prices rise in large moves: risk figures are high while profits hide it; what was sized in calm is too large.',
  },
  {
    name: 'BEAR_CALM',
    meaning: 'Prices fall in small moves: no risk figure warns, losses add up.',
  },
  {
    name: 'BEAR_VOLATILE',
    meaning: 'Prices fall in large moves: losses and risk figures rise together, limits are near.',
  },
  {
    name: 'CRISIS',
    meaning:
      'Moves twice the usual ones, far below the high: correlations and costs of liquidation rise with them, figures of calm years do not hold.',
  },
  {
    name: 'SIDEWAYS',
    meaning: 'No direction and no large moves: what follows trends pays for it, what earns carry does well.',
  },
] as const;

export type RegimeName = (typeof REGIMES)[number]['name'];
export const REGIME_COUNT = REGIMES.length;
export const REGIME_NAMES: readonly RegimeName[] = REGIMES.map(({ name }) => name);
/** Place of a regime in rows of six. */
export const regimeAt = (name: RegimeName): number => REGIME_NAMES.indexOf(name);
