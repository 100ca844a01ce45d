import { type Client, createClient } from 'graphql-ws';

export interface Portfolio {
  readonly id: string;
  readonly name: string;
}
/** Decimal fields are strings and stay strings; times are ISO 8601. Null: a rate is missing. */
export interface Pnl {
  readonly portfolioId: string;
  readonly eventTime: string;
  readonly equity: number | null;
  readonly cash: string | null;
  readonly realizedPnl: string | null;
  readonly unrealizedPnl: number | null;
  readonly drawdown: number | null;
  readonly dayPnl: number | null;
  readonly openPositions: number;
  readonly unpricedPositions: number;
  readonly baseCurrency: string;
  readonly missingRates: readonly string[];
}
export interface Position {
  readonly portfolioId: string;
  readonly instrument: string;
  readonly eventTime: string;
  readonly quantity: string;
  readonly averagePrice: number | null;
  readonly markPrice: number | null;
  readonly marketValue: number | null;
  readonly realizedPnl: string;
  readonly unrealizedPnl: number | null;
  readonly unpriced: boolean;
}
export interface Trade {
  readonly instrument: string;
  readonly eventTime: string;
  readonly price: number;
  readonly size: number | null;
  readonly source: string;
}
/** VaR and ES by one method at the level asked for; null with the reason in `problem`. */
export interface RiskTail {
  readonly method: string;
  readonly description: string | null;
  readonly confidence: number;
  readonly horizonDays: number;
  readonly stressWindow: string | null;
  readonly valueAtRisk: number | null;
  readonly expectedShortfall: number | null;
  readonly problem: string | null;
}
export interface Risk {
  readonly portfolioId: string;
  readonly eventTime: string;
  readonly detailTime: string;
  readonly equity: number | null;
  readonly longExposure: number;
  readonly shortExposure: number;
  readonly grossExposure: number;
  readonly netExposure: number;
  readonly leverage: number | null;
  readonly unpriced: readonly string[];
  readonly historyDate: string | null;
  readonly scenarios: number;
  readonly shortestHistory: string | null;
  readonly measures: readonly RiskTail[];
  readonly volatility: number | null;
  readonly benchmark: string;
  readonly beta: number | null;
  readonly averageCorrelation: number | null;
  readonly liquidityDays: number | null;
  readonly liquidityInstrument: string | null;
  readonly herfindahl: number;
  readonly largestShare: number;
  readonly contributionConfidence: number | null;
  readonly contributions: readonly {
    readonly instrument: string;
    readonly exposure: number;
    readonly componentVar: number;
    readonly componentEs: number;
    readonly incrementalVar: number;
  }[];
  readonly shocks: readonly { readonly name: string; readonly profit: number | null }[];
  readonly sectors: readonly { readonly sector: string; readonly net: number; readonly gross: number }[];
}
/** Historical VaR one day ahead at a day's end. */
export interface RiskPoint {
  readonly date: string;
  readonly valueAtRisk: number | null;
  readonly equity: number | null;
}
/** How the methods have done up to a day. */
export interface Backtests {
  readonly portfolioId: string;
  readonly date: string;
  readonly results: readonly {
    readonly method: string;
    readonly confidence: number;
    readonly observations: number;
    readonly exceptions: number;
    readonly recentExceptions: number;
    readonly zone: 'GREEN' | 'YELLOW' | 'RED' | null;
    readonly kupiecP: number;
  }[];
}
export interface Performance {
  readonly from: string | null;
  readonly to: string | null;
  readonly days: number;
  readonly benchmark: string;
  readonly annualReturn: number | null;
  readonly annualVolatility: number | null;
  readonly sharpeRatio: number | null;
  readonly sortinoRatio: number | null;
  readonly calmarRatio: number | null;
  readonly omegaRatio: number | null;
  readonly maxDrawdown: number | null;
  readonly alpha: number | null;
  readonly beta: number | null;
  readonly worstDrawdowns: readonly {
    readonly depth: number;
    readonly peakDate: string;
    readonly troughDate: string;
    readonly recoveryDate: string | null;
    readonly durationDays: number;
  }[];
}
export interface HistoryPoint {
  readonly eventTime: string;
  readonly equity: number;
  readonly drawdown: number;
}

export const PORTFOLIOS = 'query { portfolios { id name } }';
export const HISTORY = `query ($id: ID!, $from: DateTime) {
  pnlHistory(portfolioId: $id, from: $from, maxPoints: 10000) { eventTime equity drawdown }
}`;
export const PNL = `subscription { portfolioPnl(conflateMs: 60) {
  portfolioId eventTime equity cash realizedPnl unrealizedPnl drawdown dayPnl openPositions unpricedPositions
  baseCurrency missingRates
} }`;
export const POSITIONS = `subscription ($id: ID!) { portfolioPositions(portfolioId: $id, conflateMs: 250) {
  portfolioId instrument eventTime quantity averagePrice markPrice marketValue realizedPnl unrealizedPnl unpriced
} }`;
export const RISK = `subscription ($id: ID!) { riskMeasures(portfolioId: $id, conflateMs: 500) {
  portfolioId eventTime detailTime equity longExposure shortExposure grossExposure netExposure leverage unpriced
  historyDate scenarios shortestHistory volatility benchmark beta averageCorrelation herfindahl largestShare liquidityDays
  liquidityInstrument
  measures { method description confidence horizonDays stressWindow valueAtRisk expectedShortfall problem }
  contributionConfidence contributions { instrument exposure componentVar componentEs incrementalVar }
  shocks { name profit } sectors { sector net gross }
} }`;
export const RISK_HISTORY = `query ($id: ID!, $level: Float!) {
  riskHistory(portfolioId: $id, confidence: $level, maxPoints: 500) { date valueAtRisk equity }
}`;
export const BACKTESTS = `query ($id: ID!) { riskBacktests(portfolioId: $id, last: 1) {
  portfolioId date results { method confidence observations exceptions recentExceptions zone kupiecP }
} }`;
export const PERFORMANCE = `query ($id: ID!) { performance(portfolioId: $id) {
  from to days benchmark annualReturn annualVolatility sharpeRatio sortinoRatio calmarRatio omegaRatio maxDrawdown
  alpha beta worstDrawdowns { depth peakDate troughDate recoveryDate durationDays }
} }`;
export const TRADES = 'subscription { trades(conflateMs: 250) { instrument eventTime price size source } }';

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5_000;
const RESUBSCRIBE_MS = 1_000;

export interface ConnectionEvents {
  connected(): void;
  connecting(): void;
  closed(): void;
}

/** Opens the WebSocket and keeps it open: it is tried again for ever, with a growing pause. */
export function connect(events: ConnectionEvents): Client {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  return createClient({
    url: `${scheme}://${location.host}/graphql`,
    lazy: false,
    keepAlive: 10_000,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: (retries) =>
      new Promise((resolve) => setTimeout(resolve, Math.min(FIRST_RETRY_MS * 2 ** retries, LONGEST_RETRY_MS))),
    // A failure to connect is shown by the connection's state; the promise has nobody to tell.
    onNonLazyError: () => {},
    on: { connected: () => events.connected(), connecting: () => events.connecting(), closed: () => events.closed() },
  });
}

const messageOf = (error: unknown): string => {
  if (Array.isArray(error)) return error.map(messageOf).join('; ');
  if (error !== null && typeof error === 'object' && 'message' in error) return String(error.message);
  return 'The connection was lost';
};

/** Runs a query. Rejects with what the server says is wrong. */
export function query<T>(client: Client, text: string, variables: Record<string, unknown> = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    client.subscribe<T>(
      { query: text, variables },
      {
        next: ({ data, errors }) => (errors || !data ? reject(new Error(messageOf(errors))) : resolve(data)),
        error: (error) => reject(new Error(messageOf(error))),
        complete: () => reject(new Error('The server gave no answer')),
      },
    );
  });
}

/** Runs a mutation: over HTTP, where the server can tell whose page it comes from. Rejects with what the server says is wrong. */
export async function mutate(text: string, variables: Record<string, unknown>): Promise<void> {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: text, variables }),
  });
  const { errors } = (await response.json()) as { errors?: unknown };
  if (errors) throw new Error(messageOf(errors));
  if (!response.ok) throw new Error(`The server answered with status ${response.status}`);
}

/** Follows a subscription until the returned function is called; begins again when the server ends it. */
export function follow<T>(
  client: Client,
  text: string,
  variables: Record<string, unknown>,
  take: (value: T) => void,
  problem: (message: string | null) => void,
): () => void {
  let stopped = false;
  let stop = () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  const again = () => {
    if (!stopped) timer = setTimeout(start, RESUBSCRIBE_MS);
  };
  const start = () => {
    stop = client.subscribe<Record<string, T>>(
      { query: text, variables },
      {
        next: ({ data, errors }) => {
          if (errors) return problem(messageOf(errors));
          problem(null);
          for (const value of Object.values(data ?? {})) take(value);
        },
        error: (error) => {
          problem(messageOf(error));
          again();
        },
        complete: again,
      },
    );
  };
  start();
  return () => {
    stopped = true;
    clearTimeout(timer);
    stop();
  };
}
