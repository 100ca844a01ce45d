/** What the panel of attribution asks for. */
export interface Effects {
  readonly allocation: number;
  readonly selection: number;
  readonly interaction: number;
}
export interface SectorEffects extends Effects {
  readonly sector: string;
  readonly portfolioWeight: number;
  readonly benchmarkWeight: number;
  readonly total: number;
}
export interface Brinson extends Effects {
  readonly benchmarkPortfolioId: string;
  readonly days: number;
  readonly portfolioReturn: number;
  readonly benchmarkReturn: number;
  readonly activeReturn: number;
  readonly other: number;
  readonly sectors: readonly SectorEffects[];
}
export interface PnlParts {
  readonly price: number | null;
  readonly dividends: number | null;
  readonly fees: number | null;
  readonly trading: number | null;
  readonly pnl: number;
}
export interface InstrumentPnl extends PnlParts {
  readonly instrument: string;
  readonly currency: string;
}
export interface FactorEstimate {
  readonly name: string;
  readonly estimate: number;
  readonly standardError: number;
  readonly t: number;
  readonly p: number;
}
export interface Attribution {
  readonly attribution: {
    readonly from: string | null;
    readonly to: string | null;
    readonly days: number;
    readonly baseCurrency: string;
    readonly total: PnlParts & { readonly other: number | null };
    readonly instruments: readonly InstrumentPnl[];
    readonly brinson: Brinson | null;
    readonly problems: readonly string[];
  };
  readonly factorRegression: {
    readonly days: number;
    readonly lag: number | null;
    readonly intercept: FactorEstimate | null;
    readonly coefficients: readonly FactorEstimate[];
    readonly rSquared: number | null;
    readonly adjustedRSquared: number | null;
    readonly problem: string | null;
  };
}

export const ATTRIBUTION = `query ($id: ID!, $from: DateTime) {
  attribution(portfolioId: $id, from: $from) {
    from to days baseCurrency total { price dividends fees trading other pnl }
    instruments { instrument currency price dividends fees trading pnl }
    brinson {
      benchmarkPortfolioId days portfolioReturn benchmarkReturn activeReturn allocation selection interaction other
      sectors { sector portfolioWeight benchmarkWeight allocation selection interaction total }
    }
    problems
  }
  factorRegression(portfolioId: $id, from: $from) {
    days lag intercept { name estimate standardError t p } coefficients { name estimate standardError t p }
    rSquared adjustedRSquared problem
  }
}`;

const YEAR_MS = 365 * 86_400_000;
/** The year that ends with a time, ISO 8601. */
export const yearBefore = (time: string): string => new Date(Date.parse(time) - YEAR_MS).toISOString();
