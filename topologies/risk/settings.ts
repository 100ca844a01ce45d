import type { Sampling } from '#quant/monte-carlo.ts';

/** What risk is measured by. Changing one changes every figure from then on. */
export interface RiskSettings {
  /** Trading days of history. */
  readonly window: number;
  /** Levels of VaR and ES, rising. */
  readonly confidences: readonly number[];
  /** Level of the contributions. */
  readonly contributionConfidence: number;
  /** Trading days ahead; the first is one. */
  readonly horizonsDays: readonly number[];
  /** Drawn for each simulated figure. */
  readonly paths: number;
  /** Of Monte Carlo. Holdings are linear in the returns, so the projection draws from the same distribution for a twentieth of the time. */
  readonly sampling: Sampling;
  /** Event time after which detail is measured again, milliseconds. */
  readonly detailIntervalMs: number;
  /** Instrument that beta is against. */
  readonly benchmark: string;
  /** Share of what is traded a day that a position is liquidated at, and days with trades that this is the average of. */
  readonly participation: number;
  readonly turnoverDays: number;
  /** Days of stressed VaR. */
  readonly stress: { readonly from: string; readonly to: string };
  readonly shocks: readonly Shock[];
}
/** A change of prices: the same for all (or one sector), or what happened between two days' closes. */
export type Shock =
  | { readonly name: string; readonly change: number; readonly sector?: string }
  | { readonly name: string; readonly after: string; readonly to: string };

export const RISK_SETTINGS: RiskSettings = {
  window: 500,
  confidences: [0.95, 0.975, 0.99],
  contributionConfidence: 0.99,
  horizonsDays: [1, 10],
  paths: 4_000,
  sampling: 'projected',
  detailIntervalMs: 60_000,
  benchmark: 'SP500',
  participation: 0.2,
  turnoverDays: 20,
  stress: { from: '2007-07-02', to: '2009-06-30' },
  shocks: [
    { name: 'all prices -10 %', change: -0.1 },
    { name: 'all prices -20 %', change: -0.2 },
    { name: 'all prices +10 %', change: 0.1 },
    { name: 'financials -30 %', change: -0.3, sector: 'Financials' },
    { name: 'information technology -30 %', change: -0.3, sector: 'Information Technology' },
    { name: 'energy -30 %', change: -0.3, sector: 'Energy' },
    { name: 'technology crash 2000', after: '2000-03-24', to: '2001-04-04' },
    { name: 'September 2001', after: '2001-09-10', to: '2001-09-21' },
    { name: 'Lehman 2008', after: '2008-09-12', to: '2008-11-20' },
    { name: 'US downgrade 2011', after: '2011-07-22', to: '2011-08-08' },
    { name: 'pandemic 2020', after: '2020-02-19', to: '2020-03-23' },
  ],
};
