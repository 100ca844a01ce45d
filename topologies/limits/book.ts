/** What a portfolio holds, as limits see it: at its marks, or as an order would leave it. */
export interface Holding {
  readonly instrument: string;
  /** Empty where it has none. */
  readonly sector: string;
  /** Signed units. */
  readonly quantity: number;
  /** Market value, base currency, negative when short; null without a price. */
  readonly exposure: number | null;
}
/** A sum, or why there is none. */
export type Known =
  | { readonly value: number; readonly reason: null }
  | { readonly value: null; readonly reason: string };

const known = (value: number): Known => ({ value, reason: null });

export class Book {
  readonly holdings: readonly Holding[];
  /** The first holding without a price, by instrument; null when all have one. */
  readonly #unpriced: string | null;

  constructor(holdings: readonly Holding[]) {
    this.holdings = holdings;
    this.#unpriced = holdings.find(({ exposure }) => exposure === null)?.instrument ?? null;
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

  /** Why sums over all are not known; null when they are. */
  get problem(): string | null {
    return this.#unpriced === null ? null : `there is no price of ${this.#unpriced}`;
  }

  #sum(sector: string | null, of: (exposure: number) => number): Known {
    let sum = 0;
    for (const holding of this.holdings) {
      if (sector !== null && holding.sector !== sector) continue;
      if (holding.exposure === null) return { value: null, reason: `there is no price of ${holding.instrument}` };
      sum += of(holding.exposure);
    }
    return known(sum);
  }
}
