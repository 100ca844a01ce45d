import type { Exposures } from './measures.ts';
import type { RiskSettings } from './settings.ts';

/**
 * Trading days to sell, or buy back, each position at a share of what is traded of it a day, taken of the slowest: |exposure| ÷ (participation ×
 * average value traded), the liquidity horizon of a position (Basel, MAR 31, has fixed ones by asset class instead). `tradedADay`: of an
 * instrument its average value traded a day with its multiplier, base currency; null: not known, and then the horizon is not.
 */
export function liquidity(
  { instruments, amounts }: Exposures,
  tradedADay: (instrument: string) => number | null,
  { participation }: RiskSettings,
): { readonly liquidityDays: number | null; readonly liquidityInstrument: string | null } {
  let liquidityDays = 0;
  let liquidityInstrument: string | null = null;
  for (const [index, instrument] of instruments.entries()) {
    const traded = tradedADay(instrument);
    const days = traded === null || traded <= 0 ? Number.NaN : Math.abs(amounts[index]!) / (participation * traded);
    if (!Number.isFinite(days)) return { liquidityDays: null, liquidityInstrument: null };
    if (liquidityInstrument !== null && days <= liquidityDays) continue;
    liquidityDays = days;
    liquidityInstrument = instrument;
  }
  return { liquidityDays, liquidityInstrument };
}
