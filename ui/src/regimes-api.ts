import type { RegimeSpan } from './ribbon.ts';

/** What the panel of regimes asks for. */
export interface Regime {
  readonly instrument: string;
  readonly date: string;
  readonly regime: string;
  readonly days: number;
  readonly volatility: number;
  readonly returns: number;
  readonly classifier: string | null;
  readonly probabilities: readonly { readonly regime: string; readonly probability: number }[];
  readonly voters: readonly {
    readonly name: string;
    readonly weight: number;
    readonly regime: string;
    readonly probability: number;
    readonly volatility: number;
  }[];
}
export interface RegimeSpans {
  readonly regimeSpans: readonly RegimeSpan[];
}

export const REGIME = `subscription {
  regime(conflateMs: 500) {
    instrument date regime days volatility returns classifier probabilities { regime probability }
    voters { name weight regime probability volatility }
  }
}`;
export const REGIME_SPANS =
  'query ($instrument: String!) { regimeSpans(instrument: $instrument) { regime from to days } }';

/** The regimes in the order of the legend: what each is called, and how high its bar is, so that colour is not all that tells them apart. */
export const REGIMES = [
  { name: 'BULL_CALM', title: 'Bull, calm', height: 0.5 },
  { name: 'BULL_VOLATILE', title: 'Bull, volatile', height: 0.75 },
  { name: 'SIDEWAYS', title: 'Sideways', height: 0.35 },
  { name: 'BEAR_CALM', title: 'Bear, calm', height: 0.5 },
  { name: 'BEAR_VOLATILE', title: 'Bear, volatile', height: 0.75 },
  { name: 'CRISIS', title: 'Crisis', height: 1 },
] as const;
const BY_NAME = new Map<string, (typeof REGIMES)[number]>(REGIMES.map((regime) => [regime.name, regime]));
/** A symbol that came later is called by its name. */
export const titleOf = (name: string): string => BY_NAME.get(name)?.title ?? name;
export const heightOf = (name: string): number => BY_NAME.get(name)?.height ?? 0.5;
export const classOf = (name: string): string => `regime-${name.toLowerCase().replace('_', '-')}`;
