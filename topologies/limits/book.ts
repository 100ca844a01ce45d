/** What a portfolio holds, as limits see it: at its marks, or as an order would leave it. */
export interface Holding {
  readonly instrument: string;
  /** Empty where it has none. */
  readonly sector: string;
  /** Signed units. */
  readonly quantity: number;
  /** Market value, base currency, negative when short; null without a price or a rate. */
  readonly exposure: number | null;
  /** Why there is no exposure; null when there is one. */
  readonly problem: string | null;
  /** Priced in another currency than the portfolio's. */
  readonly isForeign: boolean;
}
/** A sum, or why there is none. */
export type Known =
  | { readonly value: number; readonly reason: null }
  | { readonly value: null; readonly reason: string };

const known = (value: number): Known => ({ value, reason: null });

export class Book {
  readonly holdings: readonly Holding[];
  /** Why sums over all are not known; null when they are. */
  readonly problem: string | null;

  constructor(holdings: readonly Holding[]) {
    this.holdings = holdings;
    this.problem = holdings.find(({ exposure }) => exposure === null)?.problem ?? null;
  }

  /** Sum of the absolute market values, of a sector or of all (null). */
  gross(sector: string | null = null): Known {
    return this.#sum(sector, Math.abs);
  }

  /** Sum of the market values, of a sector or of all (null). */
  net(sector: string | null = null): Known {
    return this.#sum(sector, (exposure) => exposure);
  }

  /** Gross exposure of each sector. */
  grossBySector(): ReadonlyMap<string, number> {
    const sectors = new Map<string, number>();
    for (const { sector, exposure } of this.holdings)
      sectors.set(sector, (sectors.get(sector) ?? 0) + Math.abs(exposure ?? 0));
    return sectors;
  }

  #sum(sector: string | null, of: (exposure: number) => number): Known {
    let sum = 0;
    for (const holding of this.holdings) {
      if (sector !== null && holding.sector !== sector) continue;
      if (holding.exposure === null) return { value: null, reason: holding.problem! };
      sum += of(holding.exposure);
    }
    return known(sum);
  }
}
