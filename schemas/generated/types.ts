// Made from schemas/avro/*.avsc by schemas/generate.ts (npm run generate). Do not edit.

/** Exact amount: a bigint of 1e-9 units (see schemas/decimal.ts). */
export type Decimal = bigint;
/** Microseconds since 1970-01-01 UTC, a safe integer (until the year 2255). */
export type Micros = number;

/** Progress of a replayed trading day: CLOSED when all its trades are in market.trades, SETTLED when the venue's fills of that day are in orders.fills too. */
export interface Session {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Market or replay that the session belongs to, e.g. replay. */
  readonly market: string;
  /** Trading date, ISO 8601 (YYYY-MM-DD). */
  readonly date: string;
  /** CLOSED: the day's trades are complete. SETTLED: the day's fills are complete too. */
  readonly state: 'CLOSED' | 'SETTLED';
  /** Per partition of market.trades, the offset after the day's last trade. Read up to here to have the whole day. */
  readonly tradeEndOffsets: readonly number[];
}

/** One trade as the venue printed it, normalised; or a day's close from a replayed history. */
export interface Trade {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Instrument id, e.g. AAPL. Not empty. */
  readonly instrument: string;
  /** Price per unit in the instrument's currency. Finite, greater than zero. */
  readonly price: number;
  /** Units traded, greater than zero; null where the source has none (a daily close). */
  readonly size: null | number;
  /** Where the figure comes from, e.g. skfolio:sp500, arch:nasdaq, file:<ingest id>, synthetic. */
  readonly source: string;
  /** Sequence number within the source, rising; null where the source has none. */
  readonly sequence: null | number;
}

/** An execution. The one truth positions are built on, applied in offset order. */
export interface Fill {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Unique id of the fill within its portfolio. A fillId seen before changes nothing. */
  readonly fillId: string;
  /** NEW: a new execution. CORRECT, CANCEL: amend the fill of that id. */
  readonly action: 'NEW' | 'CORRECT' | 'CANCEL';
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Instrument id, e.g. AAPL. Not empty. */
  readonly instrument: string;
  /** BUY or SELL. */
  readonly side: 'BUY' | 'SELL';
  /** Units executed, greater than zero. */
  readonly quantity: Decimal;
  /** Execution price per unit in the instrument's currency, greater than zero. */
  readonly price: Decimal;
  /** Commission paid, in settlement currency; negative for a rebate. */
  readonly commission: Decimal;
  /** Id of the order that was filled; null where there was none. */
  readonly orderId: null | string;
  /** Where it was executed, e.g. paper, file:<ingest id>. */
  readonly venue: string;
}

/** An order that a strategy or a person asks for. */
export interface OrderRequest {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Unique id of the order. */
  readonly orderId: string;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Instrument id, e.g. AAPL. Not empty. */
  readonly instrument: string;
  /** BUY or SELL. */
  readonly side: 'BUY' | 'SELL';
  /** Units asked for, greater than zero. */
  readonly quantity: Decimal;
  /** MARKET_ON_CLOSE: fill at the next trading day's close. */
  readonly orderType: 'MARKET_ON_CLOSE';
  /** Who decided, e.g. demo:momentum. */
  readonly strategy: string;
  /** Price the decision was made on, in the instrument's currency; null if unknown. */
  readonly decisionPrice: null | number;
}

/** A deposit into or a withdrawal from a portfolio. */
export interface CashMovement {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Unique id of the movement within its portfolio. A cashId seen before changes nothing. */
  readonly cashId: string;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Amount in base currency: positive deposits, negative withdraws. Not zero. */
  readonly amount: Decimal;
  /** Where it comes from, e.g. demo, file:<ingest id>. */
  readonly source: string;
}

/** A portfolio's value after each change of a position or of cash. */
export interface PortfolioPnl {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Cash in base currency: deposits minus withdrawals plus the positions' cash flow. */
  readonly cash: Decimal;
  /** Realised P&L to date over all positions, net of commission. */
  readonly realizedPnl: Decimal;
  /** Commission paid to date over all positions. */
  readonly commission: Decimal;
  /** Unrealised P&L of all priced open positions. */
  readonly unrealizedPnl: number;
  /** cash + cost + unrealised P&L of priced positions (unpriced positions count at cost). */
  readonly equity: number;
  /** Equity now minus the last equity of the previous UTC day, less net deposits since. */
  readonly dayPnl: number;
  /** Sum of |quantity x mark x multiplier| over priced positions. */
  readonly grossExposure: number;
  /** Sum of quantity x mark x multiplier over priced positions. */
  readonly netExposure: number;
  /** Highest equity so far, taken at the end of each event time and adjusted for deposits and withdrawals. */
  readonly peakEquity: number;
  /** 1 - equity / peakEquity, from 0 (at the peak) upwards; 0 while the peak is not positive. */
  readonly drawdown: number;
  /** Positions with a quantity other than zero. */
  readonly openPositions: number;
  /** Open positions without a mark. When not 0, equity holds them at cost. */
  readonly unpricedPositions: number;
  /** Topic of the record that caused this one. */
  readonly sourceTopic: string;
  /** Event time of the record that caused this one, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** A position after a fill or a new mark. Exact figures are running totals since the portfolio began. */
export interface Position {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Instrument id, e.g. AAPL. Not empty. */
  readonly instrument: string;
  /** Signed units held: positive long, negative short. */
  readonly quantity: Decimal;
  /** Signed exact total cost of what is held (quantity x average price x multiplier), before commission. */
  readonly cost: Decimal;
  /** Average entry price per unit, derived from cost for display; null when flat. */
  readonly averagePrice: null | number;
  /** Newest trade price; null when the instrument never traded (unpriced). */
  readonly markPrice: null | number;
  /** Event time of the mark, microseconds UTC; null when unpriced. */
  readonly markTime: null | Micros;
  /** Contract multiplier in force. */
  readonly multiplier: Decimal;
  /** Realised P&L to date, net of commission. */
  readonly realizedPnl: Decimal;
  /** quantity x mark x multiplier - cost; 0 when flat; null when open and unpriced. */
  readonly unrealizedPnl: null | number;
  /** Commission paid to date. */
  readonly commission: Decimal;
  /** Cash moved by fills to date: sells minus buys minus commission. */
  readonly cashFlow: Decimal;
  /** Fills applied to date. */
  readonly fills: number;
  /** True when the position is open and has no mark. */
  readonly unpriced: boolean;
  /** What changed: a fill or a new mark. */
  readonly cause: 'FILL' | 'MARK';
  /** Topic of the record that caused this one. */
  readonly sourceTopic: string;
  /** Event time of the record that caused this one, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** What an instrument is. Compacted: the newest record per instrument holds. */
export interface Instrument {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Instrument id, e.g. AAPL. Not empty. */
  readonly instrument: string;
  /** Full name for people. */
  readonly name: string;
  /** ISO 4217 code of price and P&L. */
  readonly currency: string;
  /** Contract multiplier: value of one price point of one unit, in currency. Greater than zero; 1 for shares. */
  readonly multiplier: Decimal;
  /** Kind of instrument. INDEX and FACTOR series are not tradable. */
  readonly assetClass: 'EQUITY' | 'INDEX' | 'FACTOR' | 'FUTURE' | 'FX' | 'OTHER';
  /** Sector name; null where it has none. */
  readonly sector: null | string;
  /** Smallest tradable quantity step. Greater than zero. */
  readonly lotSize: Decimal;
  /** Smallest price step in currency; null where unknown. */
  readonly tickSize: null | Decimal;
  /** Where this description comes from. */
  readonly source: string;
}

/** What a portfolio is called. Compacted: the newest record per portfolio holds. */
export interface Portfolio {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Name for people, e.g. Equal weight, monthly. */
  readonly name: string;
  /** ISO 4217 code in which the portfolio is valued. */
  readonly baseCurrency: string;
  /** One sentence on what it does; null where nobody wrote one. */
  readonly description: null | string;
}

/** The value type of each topic. */
export interface Types {
  'market.sessions': Session;
  'market.trades': Trade;
  'orders.fills': Fill;
  'orders.requests': OrderRequest;
  'portfolio.cash': CashMovement;
  'portfolio.pnl': PortfolioPnl;
  'portfolio.positions': Position;
  'reference.instruments': Instrument;
  'reference.portfolios': Portfolio;
}
