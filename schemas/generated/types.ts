// Made from schemas/avro/*.avsc by schemas/generate.ts (npm run generate). Do not edit.

/** Exact amount: a bigint of 1e-9 units (see schemas/decimal.ts). */
export type Decimal = bigint;
/** Microseconds since 1970-01-01 UTC, a safe integer (until the year 2255). */
export type Micros = number;

/** A change to what had been recorded before, with the figures before and after it. */
export interface AuditEntry {
  /** When it happened: event time of the record that made the change, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Portfolio id, e.g. equal-weight; * for what concerns all. Not empty. */
  readonly portfolio: string;
  /** Instrument id; null where the change is not about one. */
  readonly instrument: null | string;
  /** What was changed. OTHER: something that this schema does not know yet. */
  readonly subject: 'OTHER' | 'FILL' | 'LIMIT' | 'CONTROL' | 'CORPORATE_ACTION' | 'MODEL';
  /** Id of what was changed: the fillId of a fill, the actionId of a corporate action, the limitId of a limit, of the kill switch its portfolio, of a model name/version (its name alone where it has none), or the incident that a workflow or a person acted on. */
  readonly subjectId: string;
  /** What was done to it, e.g. CORRECT or CANCEL of a fill; APPLY, CORRECT or CANCEL of a corporate action; SET, REMOVE or ADJUST of a limit; a state of the kill switch; HALT, REDUCE, OVERRIDE or RESUME for an incident; REGISTERED, SHADOWED, PROMOTED, REJECTED, RETIRED or ROLLED_BACK of a model, RETRAINING_REQUESTED where a person has it trained anew. */
  readonly action: string;
  /** The subject before, as JSON with exact amounts as decimal strings; null where there was none. */
  readonly before: null | string;
  /** The subject after, likewise; null where there is none any more, as after CANCEL. */
  readonly after: null | string;
  /** Running totals that it moved, as JSON {"<total>": {"before": "<decimal>", "after": "<decimal>"}}: of a fill or a corporate action quantity, cost, realizedPnl, commission, cashFlow and dividends of its position. */
  readonly effect: null | string;
  /** Topic of the record that made the change. */
  readonly sourceTopic: string;
  /** Event time of the record that made the change, microseconds UTC. */
  readonly sourceEventTime: Micros;
  /** Partition of the record that made the change. */
  readonly sourcePartition: number;
  /** Offset of the record that made the change. */
  readonly sourceOffset: number;
}

/** What was executed of an order at one venue. */
export interface VenueExecution {
  /** Where it was executed, as in orders.fills. */
  readonly venue: string;
  /** Executions in force, at least 1. */
  readonly fills: number;
  /** Units executed there, greater than zero. */
  readonly quantity: Decimal;
  /** Average execution price there, by quantity. */
  readonly averagePrice: number;
  /** By how much averagePrice is worse than the order's arrivalPrice, basis points of it; null where that is unknown. */
  readonly slippageBps: null | number;
}

/** What executing an order has cost, after each of its fills, after each correction of one, and when it is closed out. Of the records of one order the newest holds. Costs and slippages are positive when they are costs, whatever the side. Amounts are in the instrument's currency, a basis point is 1e-4. */
export interface ExecutionQuality {
  /** Newest of the fills, corrections and the closing out that the record knows of, microseconds since 1970-01-01 UTC; never goes back for an order. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Id of the order in orders.requests, unique within its portfolio. */
  readonly orderId: string;
  /** Instrument id, e.g. AAPL. Not empty. */
  readonly instrument: string;
  /** Who decided, e.g. demo:momentum. */
  readonly strategy: string;
  /** As in orders.requests, e.g. MARKET_ON_CLOSE. */
  readonly orderType: string;
  /** BUY or SELL. */
  readonly side: 'BUY' | 'SELL';
  /** OPEN: less than all is executed. FILLED: all, or more. EXPIRED: less, and the order's horizon has passed; a fill that still comes counts, and may make it FILLED. */
  readonly status: 'OPEN' | 'FILLED' | 'EXPIRED';
  /** Units ordered, greater than zero. */
  readonly quantity: Decimal;
  /** Units executed, zero or more; fills of another side than the order's are left out. */
  readonly filledQuantity: Decimal;
  /** filledQuantity / quantity, zero or more; above 1 when more was executed than ordered. */
  readonly fillRatio: number;
  /** Executions in force. */
  readonly fills: number;
  /** Average execution price per unit, by quantity; null without fills. */
  readonly averagePrice: null | number;
  /** Price the decision was made on; null if unknown. */
  readonly decisionPrice: null | number;
  /** Event time of the order in orders.requests, microseconds UTC. */
  readonly arrivalTime: Micros;
  /** Last trade at or before arrivalTime; null when there was none, or when it is no longer known because the order came too late. */
  readonly arrivalPrice: null | number;
  /** Event time of the first fill, microseconds UTC; null without fills. */
  readonly firstFillTime: null | Micros;
  /** Event time of the newest fill, microseconds UTC; null without fills. */
  readonly lastFillTime: null | Micros;
  /** From arrivalTime to the first fill, microseconds; null without fills, negative where clocks disagree. */
  readonly timeToFirstFillMicros: null | number;
  /** From arrivalTime to the newest fill, microseconds; null unless FILLED. */
  readonly timeToFullFillMicros: null | number;
  /** Volume-weighted average price of the instrument's trades after arrivalTime up to and including lastFillTime; null when none of them has a size. */
  readonly vwap: null | number;
  /** Average of the last price over the time from arrivalTime to lastFillTime; null without arrivalPrice or fills. */
  readonly twap: null | number;
  /** By how much averagePrice is worse than arrivalPrice, basis points of arrivalPrice; null where either is. */
  readonly slippageArrivalBps: null | number;
  /** The same against vwap. */
  readonly slippageVwapBps: null | number;
  /** The same against twap. */
  readonly slippageTwapBps: null | number;
  /** Value of one unit for each unit of price, of reference.instruments at arrivalTime; 1 where it says nothing. Amounts below are quantity x price x multiplier. */
  readonly multiplier: Decimal;
  /** Last trade when the horizon had passed, at which what was not executed is valued; null unless EXPIRED, and when there was no trade. */
  readonly endPrice: null | number;
  /** decisionPrice to arrivalPrice on what was executed; null where either is unknown. */
  readonly delayCost: null | number;
  /** arrivalPrice to averagePrice on what was executed; null where arrivalPrice is unknown. */
  readonly tradingCost: null | number;
  /** decisionPrice to endPrice on what was not executed; 0 when FILLED, null while OPEN or where either is unknown. */
  readonly opportunityCost: null | number;
  /** Commission of the fills, in settlement currency; negative for rebates. */
  readonly fees: Decimal;
  /** Implementation shortfall: delayCost + tradingCost + opportunityCost + fees. Known without arrivalPrice too, which only divides it; null without decisionPrice or opportunityCost. */
  readonly shortfall: null | number;
  /** delayCost in basis points of quantity x decisionPrice x multiplier; null without decisionPrice. */
  readonly delayBps: null | number;
  /** tradingCost, likewise. */
  readonly tradingBps: null | number;
  /** opportunityCost, likewise. */
  readonly opportunityBps: null | number;
  /** fees, likewise. */
  readonly feesBps: null | number;
  /** shortfall, likewise. */
  readonly shortfallBps: null | number;
  /** By venue, in the order in which they were first used. */
  readonly venues: readonly VenueExecution[];
  /** Records of the order before this one. */
  readonly revision: number;
  /** Topic of the record that caused this one: orders.fills; orders.requests when the order came after its fills or its horizon has passed; market.trades when trades up to its arrival, newest fill or horizon came after that. */
  readonly sourceTopic: string;
  /** Event time of the record that caused this one, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** Open, high, low, close and volume of an instrument's trades in one interval of UTC time. Of the records of one bar (instrument, interval, startTime) the newest holds. */
export interface Bar {
  /** When the bar was as it is here, microseconds since 1970-01-01 UTC: provisional, its newest trade; final, its end; changed by a late trade, the stream time at which that came. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Instrument id, e.g. AAPL. Not empty. */
  readonly instrument: string;
  /** Length of the bar. Bars begin at whole UTC seconds, minutes, hours and days. */
  readonly interval: 'SECOND' | 'MINUTE' | 'HOUR' | 'DAY';
  /** Beginning of the interval, inclusive, microseconds UTC. */
  readonly startTime: Micros;
  /** End of the interval, exclusive, microseconds UTC. */
  readonly endTime: Micros;
  /** Price of the trade with the earliest event time, of several the first that came. In the instrument's currency, greater than zero. */
  readonly open: number;
  /** Highest price, at least open, low and close. */
  readonly high: number;
  /** Lowest price, greater than zero. */
  readonly low: number;
  /** Price of the trade with the latest event time, of several the last that came. */
  readonly close: number;
  /** Units traded, of the trades that have a size; greater than zero, null when none has one. */
  readonly volume: null | number;
  /** Number of trades, those without a size included; at least 1. */
  readonly trades: number;
  /** Volume-weighted average price of the trades that have a size, from low to high; null when none has one. */
  readonly vwap: null | number;
  /** False while the interval lasts. True once it is over: from then on only late trades change the bar. */
  readonly final: boolean;
  /** 0 in provisional records and in the first final one; one more with each late trade since. */
  readonly revision: number;
  /** Topic of the record that caused this one. */
  readonly sourceTopic: string;
  /** Event time of the bar's newest trade, or of the late trade that changed it, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** undefined */
export interface BookLevel {
  /** BID: somebody buys at this price; ASK: somebody sells. */
  readonly side: 'BID' | 'ASK';
  /** Per unit in the instrument's currency, above zero, at most 9 decimals, read from the venue's text and never calculated. The level's key. */
  readonly price: number;
  /** All units offered at this price now, 0 or more; 0 removes the level. */
  readonly size: number;
}

/** Depth as the venue gave it, normalised: a whole book (SNAPSHOT) or the levels of it that changed (DELTA). A level is the total size at one price; the newest size replaces the one before. */
export interface BookUpdate {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Instrument id, e.g. BTCUSD. Not empty. One instrument is one book of one venue at a time. */
  readonly instrument: string;
  /** SNAPSHOT: the levels are the whole book, what is not in them is gone. DELTA: they are what changed. */
  readonly kind: 'SNAPSHOT' | 'DELTA';
  /** Which feed it is, e.g. binance, synthetic, file:<ingest id>. Sequences count within one source. */
  readonly source: string;
  /** Sequences count within one epoch. A source whose numbering begins anew (a new connection) says so by a higher one, e.g. the time of the connection; 0 or more. */
  readonly epoch: number;
  /** First number that this record covers, where the venue puts several updates into one (Binance's U); null: it covers its sequence alone. From 0 to sequence. */
  readonly firstSequence: null | number;
  /** Number of this record, or the last one that it covers (Binance's u and lastUpdateId); 0 or more, rising by one from record to record unless firstSequence or previousSequence says otherwise. */
  readonly sequence: number;
  /** Number of the record before, where the venue says it (Binance futures' pu): numbers may then leave out some. Null: it is firstSequence less one. Below sequence; -1 or more. */
  readonly previousSequence: null | number;
  /** Of a SNAPSHOT: levels a side that the venue keeps up (Kraken's depth); those that updates push beyond are dropped without a word from the venue. Null: all levels, or a venue that removes them itself. 1 or more. */
  readonly depth: null | number;
  /** Levels in any order. Of a DELTA that names a level twice the last holds; a SNAPSHOT names each once. */
  readonly levels: readonly BookLevel[];
}

/** undefined */
export interface LevelDepth {
  /** Best levels a side that are summed; all where a side has fewer. */
  readonly levels: number;
  /** Units bid. */
  readonly bidSize: number;
  /** Units asked. */
  readonly askSize: number;
  /** Sum of price x size of the bids, before the instrument's multiplier. */
  readonly bidNotional: number;
  /** The same of the asks. */
  readonly askNotional: number;
  /** (bidSize - askSize) / (bidSize + askSize), from -1 to 1. */
  readonly imbalance: number;
}

/** undefined */
export interface BandDepth {
  /** Distance from mid, basis points, inclusive. */
  readonly bps: number;
  /** Units bid within it; 0 where there are none. */
  readonly bidSize: number;
  /** Units asked within it. */
  readonly askSize: number;
  /** Sum of price x size of the bids, before the instrument's multiplier. */
  readonly bidNotional: number;
  /** The same of the asks. */
  readonly askNotional: number;
}

/** undefined */
export interface DepthBid {
  /** Price per unit. */
  readonly price: number;
  /** Units bid, above zero. */
  readonly size: number;
}

/** undefined */
export interface DepthAsk {
  /** Price per unit. */
  readonly price: number;
  /** Units asked, above zero. */
  readonly size: number;
}

/** An instrument's order book as it stands: best prices, what they say, and how much is behind them. At most one a commit, and one at every change of state. */
export interface Depth {
  /** Newest event time of the updates behind it, microseconds since 1970-01-01 UTC. Never goes back. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Instrument id. */
  readonly instrument: string;
  /** SOUND: both sides, bid below ask, no update missed. STALE: an update is missing (staleReason), the levels are the last known. CROSSED: best bid above best ask; LOCKED: equal. ONE_SIDED: bids or asks only. EMPTY: no level. Only a SOUND book has figures. */
  readonly state: 'SOUND' | 'STALE' | 'CROSSED' | 'LOCKED' | 'ONE_SIDED' | 'EMPTY';
  /** Why it is STALE: NO_SNAPSHOT (none came yet), GAP (a sequence was missed), REJECTED (an update of it was refused). Null in every other state. */
  readonly staleReason: null | string;
  /** Which feed the book is of. */
  readonly source: string;
  /** Epoch of the sequence. */
  readonly epoch: number;
  /** Last sequence that is in the book; null before the first snapshot. */
  readonly sequence: null | number;
  /** How often the book has lost its place in the sequence so far. */
  readonly gaps: number;
  /** Highest price bid; null without bids. */
  readonly bestBid: null | number;
  /** Units bid there. */
  readonly bestBidSize: null | number;
  /** Lowest price asked; null without asks. */
  readonly bestAsk: null | number;
  /** Units asked there. */
  readonly bestAskSize: null | number;
  /** Best ask less best bid, above zero; null unless SOUND. */
  readonly spread: null | number;
  /** Spread over mid, basis points; null unless SOUND. */
  readonly spreadBps: null | number;
  /** Half way between best bid and best ask; null unless SOUND. */
  readonly mid: null | number;
  /** Size-weighted mid: bid + spread x bidSize / (bidSize + askSize), nearer to the side that has less; from bestBid to bestAsk; null unless SOUND. The weighted mid-price of Stoikov, The micro-price (Quantitative Finance 18, 2018). */
  readonly microprice: null | number;
  /** (bidSize - askSize) / (bidSize + askSize) of the best levels, from -1 to 1; null unless SOUND. */
  readonly imbalance: null | number;
  /** Bid levels in the book. */
  readonly bidLevels: number;
  /** Ask levels in the book. */
  readonly askLevels: number;
  /** Depth within the best 1, 5, 10, 20 and 50 levels; empty unless SOUND. */
  readonly depths: readonly LevelDepth[];
  /** Depth within 5, 10, 25, 50 and 100 bps of mid; empty unless SOUND. Of a feed of limited depth only what it shows. */
  readonly bands: readonly BandDepth[];
  /** The best 10 bids, highest first; in every state, as last known. */
  readonly bids: readonly DepthBid[];
  /** The best 10 asks, lowest first; in every state, as last known. */
  readonly asks: readonly DepthAsk[];
  /** Topic of the record that caused this one. */
  readonly sourceTopic: string;
  /** Event time of the newest update behind it that was read, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** undefined */
export interface IndicatorValue {
  /** Name with parameters as TIDEMARK_INDICATORS has it, and the output where there are several: RSI(14), MACD(12,26,9).macdsignal. docs/indicators.md says what each is. */
  readonly name: string;
  /** Value in the indicator's unit; null where there are not bars enough yet, or no volume for one that needs it, or no finite value. */
  readonly value: null | number;
}

/** Technical indicators of an instrument as of one bar, equal to TA-Lib's. Of the records of one bar (instrument, interval, startTime) the newest holds. */
export interface IndicatorValues {
  /** That of the bar, or of the late bar that changed it, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Instrument id, e.g. AAPL. Not empty. */
  readonly instrument: string;
  /** Length of the bars that the indicators are calculated of. */
  readonly interval: 'SECOND' | 'MINUTE' | 'HOUR' | 'DAY';
  /** Beginning of the newest bar, inclusive, microseconds UTC. */
  readonly startTime: Micros;
  /** End of the newest bar, exclusive, microseconds UTC. */
  readonly endTime: Micros;
  /** Close of the newest bar, in the instrument's currency, as it was traded: not adjusted for splits and dividends, and neither are the indicators. */
  readonly close: number;
  /** False while the bar's interval lasts: the values are what they would be if it ended now. */
  readonly final: boolean;
  /** 0 in provisional records and in the first final one of a bar; one more in each that replaces it because a late trade changed this bar or one before it. */
  readonly revision: number;
  /** Bars that the values rest on, the newest included; at least 1. It begins again where the list of indicators was changed. */
  readonly bars: number;
  /** Values in the order in which they are configured. */
  readonly values: readonly IndicatorValue[];
  /** Topic of the bar that caused this record. */
  readonly sourceTopic: string;
  /** Event time of that bar, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** The newest price of an instrument. Every partition has every instrument: whoever works by portfolio finds all prices beside its portfolios. */
export interface InstrumentMark {
  /** Event time of the trade, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Instrument id, e.g. AAPL. Not empty. */
  readonly instrument: string;
  /** Price per unit in the instrument's currency. Finite, greater than zero. */
  readonly price: number;
  /** Topic of the trade. */
  readonly sourceTopic: string;
  /** Event time of the trade, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** undefined */
export interface RegimeProbability {
  /** One of the six, in their order. */
  readonly regime: 'BULL_CALM' | 'BULL_VOLATILE' | 'BEAR_CALM' | 'BEAR_VOLATILE' | 'CRISIS' | 'SIDEWAYS';
  /** That the day will turn out to have belonged to it, 0 to 1. */
  readonly probability: number;
}

/** undefined */
export interface RegimeVoter {
  /** hidden-markov, volatility, trend, change-point or classifier. */
  readonly name: string;
  /** Share of its opinion in the ensemble's, learned from how good it was; 0 to 1, sum 1. */
  readonly weight: number;
  /** The likeliest regime, if it alone were asked. */
  readonly regime: 'BULL_CALM' | 'BULL_VOLATILE' | 'BEAR_CALM' | 'BEAR_VOLATILE' | 'CRISIS' | 'SIDEWAYS';
  /** How probable it calls that, 0 to 1. */
  readonly probability: number;
  /** Its own forecast, as volatility. */
  readonly volatility: number;
}

/** The market regime of an instrument on one day, as far as it could be known at that day's end. Compacted: of the records of one instrument and date the newest holds. */
export interface MarketRegime {
  /** Since when it is known: that of the day's return, or of the late return that changed it, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Instrument id, e.g. SP500 for the market. Not empty. */
  readonly instrument: string;
  /** UTC day, ISO 8601 (YYYY-MM-DD). */
  readonly date: string;
  /** The regime that is named: it changes only when another one is clearly likelier, and to CRISIS as soon as that is at least 40 % likely, until it is less than 25 %. docs/regimes.md says what each means. */
  readonly regime: 'BULL_CALM' | 'BULL_VOLATILE' | 'BEAR_CALM' | 'BEAR_VOLATILE' | 'CRISIS' | 'SIDEWAYS';
  /** Days for which it has been named, 1 on the first. */
  readonly days: number;
  /** Of the ensemble; all six, sum 1. */
  readonly probabilities: readonly RegimeProbability[];
  /** Forecast of the next day's volatility, annualised with 252 days, a fraction (0.16 is 16 percent). */
  readonly volatility: number;
  /** Who was heard; the classifier is missing before the first could be trained, or where it failed. */
  readonly voters: readonly RegimeVoter[];
  /** Version of the classifier that was heard, 12 hexadecimal digits; null without one. */
  readonly classifier: null | string;
  /** Daily returns of the instrument that it rests on, at least 250. */
  readonly returns: number;
  /** 0 in the first record of the instrument and date, higher in each that replaces it because a return of this day or of one before it came late or was changed. */
  readonly revision: number;
  /** Topic of the return. */
  readonly sourceTopic: string;
  /** Event time of the day's return, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** Return of an instrument from one UTC day with trades to the next one. Compacted: the newest record per instrument and date holds. */
export interface DailyReturn {
  /** Since when it is known, microseconds since 1970-01-01 UTC: the end of the day, or the stream time at which a late trade or corporate action changed it. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Instrument id, e.g. AAPL. Not empty. */
  readonly instrument: string;
  /** UTC day at whose close the return ends, ISO 8601 (YYYY-MM-DD). */
  readonly date: string;
  /** Last price of the day, in the instrument's currency, greater than zero. */
  readonly close: number;
  /** Last price of the previous day with trades, greater than zero, as it was traded. */
  readonly previousClose: number;
  /** That day, ISO 8601; days without trades between are part of this one return. */
  readonly previousDate: string;
  /** Total return (splitFactor x close + dividend) / previousClose - 1, a fraction (0.01 is one percent); finite, greater than or equal to -1. */
  readonly simpleReturn: number;
  /** Units at the end of the day for one unit of the previous one: product of the splits of reference.corporate-actions with an ex day (UTC) after it and up to this; 1 without any. */
  readonly splitFactor: number;
  /** Cash dividends of these days on one unit of the previous one, in the currency of the price; 0 without any. */
  readonly dividend: number;
  /** Value traded on the day, sum of price x size of the trades that have a size, in the instrument's currency and without multiplier, as of the record; null when none has one. */
  readonly turnover: null | number;
  /** 0 in the first record of the instrument and date, one more in each that replaces it because one of the closes or corporate actions changed. */
  readonly revision: number;
  /** Topic of the record that caused this one. */
  readonly sourceTopic: string;
  /** Event time of the day's newest trade, of the late trade that changed a close, or of the corporate action that came late, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

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

/** A figure of an event. */
export interface MlFigure {
  /** What it is, e.g. pValue or psi. */
  readonly name: string;
  /** The figure. */
  readonly value: number;
}

/** A step in a model's life: registered, in the shadow, promoted, rolled back, refused; drift, and retraining. */
export interface MlEvent {
  /** When it happened, microseconds since 1970-01-01 UTC: event time of what was being processed, of a step that a person takes while nothing runs the wall clock's. Never goes back per model. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Id of the event. The same event may come twice, with the same id, where a process died after sending it. */
  readonly eventId: string;
  /** Name of the model, e.g. breach. */
  readonly model: string;
  /** Which version: the first 12 hexadecimal digits of its file's SHA-256. Of drift the one that was watched, of a retraining that begins or fails the champion's; null where there is none. */
  readonly version: null | string;
  /** What happened. RETIRED: another champion took its place. ROLLED_BACK: it is the champion again, since the one after it was taken back. APPROVAL_AWAITED: a shadow has shown that it is better, and a person has to promote it. OTHER: something that this schema does not know yet. */
  readonly type: 'OTHER' | 'REGISTERED' | 'SHADOWED' | 'PROMOTED' | 'REJECTED' | 'RETIRED' | 'ROLLED_BACK' | 'DRIFT_DETECTED' | 'RETRAINING_STARTED' | 'RETRAINING_FAILED' | 'RETRAINING_ENDED' | 'RETRAINING_REQUESTED' | 'APPROVAL_AWAITED';
  /** Stage of the version before: CANDIDATE (registered), SHADOW (scores beside the champion, for comparison only), CHAMPION (its scores count), RETIRED. Null of REGISTERED, of drift and of retraining. */
  readonly fromStage: null | 'CANDIDATE' | 'SHADOW' | 'CHAMPION' | 'RETIRED';
  /** Stage of the version from now on, likewise; null where it did not change. */
  readonly toStage: null | 'CANDIDATE' | 'SHADOW' | 'CHAMPION' | 'RETIRED';
  /** Who did it: tidemark for what goes by itself, cli:<name> or graphql:<name> for a person. */
  readonly by: string;
  /** Why, in words. */
  readonly reason: string;
  /** What the decision rests on, e.g. losses of candidate and champion; empty where there is nothing to measure. */
  readonly figures: readonly MlFigure[];
  /** Where a stage changed: what the model says of itself (docs/models.md) as JSON, without the distributions that drift is measured against. */
  readonly metadata: null | string;
}

/** A limit as the order would leave it. */
export interface OrderCheck {
  /** Id of the limit. */
  readonly limitId: string;
  /** What is limited. */
  readonly type: string;
  /** HARD, SOFT or INFORMATIONAL. */
  readonly severity: string;
  /** The figure now; null where unknown. */
  readonly before: null | number;
  /** The figure if all of the order were filled at the price; null where unknown. */
  readonly after: null | number;
  /** The limit in force; null where unknown. */
  readonly threshold: null | number;
  /** PASSED, EASED (above the limit, but not higher than before), EXCEEDED or UNKNOWN. */
  readonly outcome: string;
}

/** What the pre-trade check said to an order, and on what figures. One for each record of orders.requests that can be read. */
export interface OrderDecision {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Id of the order. */
  readonly orderId: string;
  /** Instrument id. */
  readonly instrument: string;
  /** BUY or SELL. */
  readonly side: 'BUY' | 'SELL';
  /** Units asked for. */
  readonly quantity: Decimal;
  /** Who asked. */
  readonly strategy: string;
  /** REJECTED unless everything that had to be known was known and within its limit. */
  readonly decision: 'ACCEPTED' | 'REJECTED';
  /** ACCEPTED, ACCEPTED_WITH_WARNING, LIMIT_EXCEEDED, LIMIT_UNKNOWN, PRICE_MISSING, PRICE_STALE, RATE_MISSING, PORTFOLIO_UNKNOWN, INSTRUMENT_UNKNOWN, HALTED, REDUCING_ONLY, DUPLICATE_ORDER. */
  readonly code: string;
  /** The same as a sentence with the figures. */
  readonly reason: string;
  /** The limit that decided; null where none did. */
  readonly limitId: null | string;
  /** The kill switch when it was checked: ACTIVE, REDUCING or HALTED. */
  readonly switchState: string;
  /** Price it was valued at, in the instrument's currency: the newest known; null where there was none. */
  readonly price: null | number;
  /** Event time of that price, microseconds UTC. */
  readonly priceTime: null | Micros;
  /** quantity x multiplier x price, base currency; null without a price or a rate. */
  readonly notional: null | number;
  /** Position before, with accepted orders of the same side that are not filled yet; null where unknown. */
  readonly quantityBefore: null | Decimal;
  /** Position after; null where unknown. */
  readonly quantityAfter: null | Decimal;
  /** Every limit that was looked at; empty where the order was refused before. */
  readonly checks: readonly OrderCheck[];
  /** Topic of the record that caused this one. */
  readonly sourceTopic: string;
  /** Event time of the record that caused this one, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** An execution. The one truth positions are built on, applied in offset order. */
export interface Fill {
  /** When it happened, microseconds since 1970-01-01 UTC; of CORRECT and CANCEL when the amendment was made, the fill keeps its own. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Unique id of the fill within its portfolio. A NEW fill with an id seen before changes nothing, a cancelled one's too; CORRECT and CANCEL name the fill that they amend. */
  readonly fillId: string;
  /** NEW: a new execution. CORRECT: the fill of that id was this one. CANCEL: there was no such fill. */
  readonly action: 'NEW' | 'CORRECT' | 'CANCEL';
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Instrument id, e.g. AAPL. Not empty. Of CORRECT and CANCEL that of the fill. */
  readonly instrument: string;
  /** BUY or SELL. Of CANCEL this and the amounts are not looked at. */
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
  /** Amount: positive deposits, negative withdraws. Not zero. */
  readonly amount: Decimal;
  /** ISO 4217 code of the amount; null: the portfolio's base currency. */
  readonly currency: null | string;
  /** Where it comes from, e.g. demo, file:<ingest id>. */
  readonly source: string;
}

/** What a portfolio has in one currency: amounts are in that currency. */
export interface CurrencyPnl {
  /** ISO 4217 code. */
  readonly currency: string;
  /** Units of the base currency for one of this one; 1 for the base currency, null where no path of quoted pairs leads there. */
  readonly rate: null | number;
  /** How the rate was found, e.g. JPY>USD>EUR via USDJPY, EURUSD; empty for the base currency and without a rate. */
  readonly path: string;
  /** Event time of the oldest price that the rate is made of, microseconds UTC; null for the base currency and without a rate. */
  readonly rateTime: null | Micros;
  /** Deposits minus withdrawals plus the positions' cash flow. Exact. */
  readonly cash: Decimal;
  /** Realised P&L to date, net of commission. Exact. */
  readonly realizedPnl: Decimal;
  /** Commission paid to date. Exact. */
  readonly commission: Decimal;
  /** Unrealised P&L of the priced open positions. */
  readonly unrealizedPnl: number;
  /** Sum of quantity x mark x multiplier over priced positions. */
  readonly netExposure: number;
  /** Sum of |quantity x mark x multiplier| over priced positions. */
  readonly grossExposure: number;
}

/** A portfolio's value after each change of a position, of cash or of an exchange rate, in its base currency. What is in other currencies counts at the newest rate; a figure that would need a rate which nobody quotes is null, and missingRates says which. */
export interface PortfolioPnl {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Cash: deposits minus withdrawals plus the positions' cash flow. Of each currency the exact amount times its rate, rounded half-even at the 9th decimal; null where a rate is missing. */
  readonly cash: null | Decimal;
  /** Realised P&L to date over all positions, net of commission, at the rates of now; null where a rate is missing. */
  readonly realizedPnl: null | Decimal;
  /** Commission paid to date over all positions, at the rates of now; null where a rate is missing. */
  readonly commission: null | Decimal;
  /** Unrealised P&L of all priced open positions, at the rates of now; null where a rate is missing. */
  readonly unrealizedPnl: null | number;
  /** cash + cost + unrealised P&L of priced positions (unpriced positions count at cost); null where a rate is missing. */
  readonly equity: null | number;
  /** Equity now minus the last equity of the previous UTC day, less net deposits since (at the rates of their event times). What rates did to foreign cash and holdings is in it. Null where a rate is missing. */
  readonly dayPnl: null | number;
  /** Sum of |quantity x mark x multiplier| over priced positions; null where a rate is missing. */
  readonly grossExposure: null | number;
  /** Sum of quantity x mark x multiplier over priced positions; null where a rate is missing. */
  readonly netExposure: null | number;
  /** Highest equity so far, taken at the end of each event time and adjusted for deposits and withdrawals; null where a rate is missing. */
  readonly peakEquity: null | number;
  /** 1 - equity / peakEquity, from 0 (at the peak) upwards; 0 while the peak is not positive; null where a rate is missing. */
  readonly drawdown: null | number;
  /** Positions with a quantity other than zero. */
  readonly openPositions: number;
  /** Open positions without a mark. When not 0, equity holds them at cost. */
  readonly unpricedPositions: number;
  /** ISO 4217 code of all amounts but those in currencies: that of reference.portfolios, USD for a portfolio that is not described there. */
  readonly baseCurrency: string;
  /** Currencies that the portfolio has amounts in and that no quoted path leads from to the base currency, by code: while there are any, the figures that need them are null. */
  readonly missingRates: readonly string[];
  /** By code, the base currency among them; empty while everything is in the base currency. */
  readonly currencies: readonly CurrencyPnl[];
  /** Topic of the record that caused this one. */
  readonly sourceTopic: string;
  /** Event time of the record that caused this one, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** A position after a fill, a correction of one, a corporate action, or a new mark. Exact figures are running totals since the portfolio began. */
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
  /** Newest trade price; from the ex time of a split or dividend to the next trade what it is worth without it; null when the instrument never traded (unpriced). */
  readonly markPrice: null | number;
  /** Event time of the mark, microseconds UTC; null when unpriced. */
  readonly markTime: null | Micros;
  /** Contract multiplier in force. */
  readonly multiplier: Decimal;
  /** ISO 4217 code of every amount here: that of the newest description of the instrument, USD when nobody described it. An instrument whose currency really changes needs a new id: amounts to date are running totals. */
  readonly currency: string;
  /** Realised P&L to date, dividends included, net of commission. */
  readonly realizedPnl: Decimal;
  /** quantity x mark x multiplier - cost; 0 when flat; null when open and unpriced. */
  readonly unrealizedPnl: null | number;
  /** Commission paid to date. */
  readonly commission: Decimal;
  /** Dividends received less those paid on short positions, to date, at their ex times; part of realizedPnl and cashFlow. */
  readonly dividends: Decimal;
  /** Cash moved by fills and dividends to date: sells minus buys minus commission plus dividends. */
  readonly cashFlow: Decimal;
  /** Fills in force: applied to date and not cancelled. */
  readonly fills: number;
  /** Changes of the exact figures to date: one for each fill, correction, cancellation and corporate action that moved them; 0 in records from before there were corrections. */
  readonly revision: number;
  /** True when the position is open and has no mark. */
  readonly unpriced: boolean;
  /** What changed: the fills (a new one, or one corrected or cancelled), a new mark, or a split or dividend took effect, was corrected or taken back. */
  readonly cause: 'FILL' | 'MARK' | 'CORPORATE_ACTION';
  /** Topic of the record that caused this one. */
  readonly sourceTopic: string;
  /** Event time of the record that caused this one, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** A split or a cash dividend of an instrument. Compacted: the newest record per instrument/actionId holds, one without a value takes the action back. */
export interface CorporateAction {
  /** When it was said (announced, corrected), microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Id of the action, unique within the instrument. Not empty, no slash. */
  readonly actionId: string;
  /** Instrument id, e.g. AAPL. Not empty. */
  readonly instrument: string;
  /** SPLIT: every oldUnits units become newUnits; also reverse splits and stock dividends. CASH_DIVIDEND: amount per unit. */
  readonly type: 'SPLIT' | 'CASH_DIVIDEND';
  /** From when trades are without it, microseconds UTC: who holds the instrument just before is entitled. */
  readonly exTime: Micros;
  /** Of a SPLIT: units after it, greater than zero; 2 of a 2-for-1. Else null. */
  readonly newUnits: null | Decimal;
  /** Of a SPLIT: units before it that these stand for, greater than zero; 1 of a 2-for-1. Else null. */
  readonly oldUnits: null | Decimal;
  /** Of a CASH_DIVIDEND: gross, per unit as counted just before exTime, in the currency of the instrument's price, greater than zero. Else null. */
  readonly amount: null | Decimal;
  /** Where this comes from. */
  readonly source: string;
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

/** What a person says to an incident: that it is known, or that what is done about it is to wait until a time. */
export interface RiskAcknowledgement {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Unique id: delivered twice it counts once. */
  readonly acknowledgementId: string;
  /** The incident, as in risk.breaches. */
  readonly breachId: string;
  /** ACKNOWLEDGE: steps that wait for nobody to do so are not done. OVERRIDE: that, further steps wait, and what the incident did to the kill switch is lifted, until the time. */
  readonly kind: 'ACKNOWLEDGE' | 'OVERRIDE';
  /** Who says so. Not empty. */
  readonly by: string;
  /** Why. Not empty. */
  readonly reason: string;
  /** Of OVERRIDE: event time until which it holds, after eventTime, microseconds UTC. Null for ACKNOWLEDGE. */
  readonly until: null | Micros;
}

/** A figure that was looked at. */
export interface ActionEvidence {
  /** E.g. equity, grossExposure, AAPL. */
  readonly name: string;
  /** The figure, base currency unless its name says otherwise; null where unknown. */
  readonly value: null | number;
}

/** One thing that was done about an incident, by a workflow, by a person, or by whoever delivers messages. */
export interface RiskAction {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Unique id, the same when it is written again: <breachId>/<workflowId>/<stepId>, with /2 and so on when an override that has expired makes it due again; of a delivery that of what is delivered and :delivery. */
  readonly actionId: string;
  /** The incident. */
  readonly breachId: string;
  /** The workflow; null where a person acted. */
  readonly workflowId: null | string;
  /** Its step; null where a person acted. */
  readonly stepId: null | string;
  /** What was done. NOTIFY and ESCALATE are delivered by connectors/notify, which writes DELIVERED or DELIVERY_FAILED. RESUMED: an override lifted what the incident had set. OTHER: something that this schema does not know yet. */
  readonly kind: 'OTHER' | 'NOTIFY' | 'REDUCE' | 'HALT' | 'ESCALATE' | 'ACKNOWLEDGED' | 'OVERRIDDEN' | 'RESUMED' | 'DELIVERED' | 'DELIVERY_FAILED';
  /** PENDING: to be delivered. UNCHANGED: of REDUCE, HALT and RESUMED, the kill switch stayed as it was, for the reason given. */
  readonly status: 'DONE' | 'PENDING' | 'UNCHANGED' | 'FAILED';
  /** By which way; null where nothing is delivered. */
  readonly channel: null | 'WEBHOOK' | 'EMAIL' | 'TOPIC';
  /** The URL, addresses or topic; null where nothing is delivered. */
  readonly target: null | string;
  /** Subject as it is delivered; null where nothing is. */
  readonly subject: null | string;
  /** Text as it is delivered; null where nothing is. */
  readonly body: null | string;
  /** Of DELIVERED and DELIVERY_FAILED: how often it was tried, 0 when it could not be. Else 0. */
  readonly attempt: number;
  /** Of ACKNOWLEDGED, OVERRIDDEN and RESUMED: who. */
  readonly by: null | string;
  /** Why, or what came of it; null where there is nothing to say. */
  readonly reason: null | string;
  /** Of OVERRIDDEN: event time until which it holds, microseconds UTC. */
  readonly until: null | Micros;
  /** Id of the limit within the portfolio. */
  readonly limitId: string;
  /** What is limited. */
  readonly type: string;
  /** Of the limit. */
  readonly severity: 'INFORMATIONAL' | 'SOFT' | 'HARD';
  /** What the incident was then; NONE: it was closed. */
  readonly level: 'NONE' | 'WARNING' | 'BREACH' | 'NO_DATA';
  /** The figure, in the unit of the type; null while it was not known. */
  readonly value: null | number;
  /** The limit in force; null while it was not known. */
  readonly threshold: null | number;
  /** value / threshold; null while either was not known. */
  readonly utilisation: null | number;
  /** What the figure was made of, as in risk.breaches. */
  readonly evidence: readonly ActionEvidence[];
  /** Topic of the record that caused this one: of a step the newest of the incident. */
  readonly sourceTopic: string;
  /** Event time of that record, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** How one method at one level has done, up to and with this day. */
export interface BacktestResult {
  /** historical, age-weighted, normal, ewma, filtered-historical or monte-carlo. */
  readonly method: string;
  /** Level of VaR and ES, e.g. 0.99. */
  readonly confidence: number;
  /** What was forecast for the day, a positive loss in base currency. */
  readonly valueAtRisk: number;
  /** The same for ES. */
  readonly expectedShortfall: number;
  /** The day's loss was above VaR. */
  readonly exception: boolean;
  /** Days judged to date. */
  readonly observations: number;
  /** Exceptions to date. */
  readonly exceptions: number;
  /** Exceptions among the last 250 days judged. */
  readonly recentExceptions: number;
  /** Traffic light of the last 250 days: GREEN, YELLOW or RED; null before there are as many. */
  readonly zone: null | string;
  /** Basel's multiplier, 1.50 to 2.00; null unless there is a zone and the level is 99 %. */
  readonly multiplier: null | number;
  /** p-value of Kupiec's test of the share of exceptions, to date. */
  readonly kupiecP: number;
  /** p-value of Christoffersen's test that exceptions do not come in clusters; null on the first day. */
  readonly independenceP: null | number;
  /** p-value of both at once (conditional coverage); null on the first day. */
  readonly coverageP: null | number;
  /** Test 1 of Acerbi and Szekely for ES: 0 expected, below it losses beyond VaR were larger than said; null without exceptions. */
  readonly z1: null | number;
  /** Their test 2: 0 expected, below it exceptions were too many or too large. */
  readonly z2: number;
}

/** How the VaR and ES forecasts of a portfolio have done, a record for each day that followed one. */
export interface RiskBacktest {
  /** Newest event time of the portfolio when the day was judged, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** The day that was judged, ISO 8601. */
  readonly date: string;
  /** The day at whose end the forecasts were made. */
  readonly forecastDate: string;
  /** What the day's returns brought to the holdings of the forecast, base currency: no trading, no fees (hypothetical P&L). */
  readonly profit: number;
  /** By method and level; those that had no forecast are left out. */
  readonly results: readonly BacktestResult[];
  /** Topic of the record that caused this one. */
  readonly sourceTopic: string;
  /** Event time of the record that caused this one, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** A figure that was looked at. */
export interface Evidence {
  /** E.g. equity, grossExposure, AAPL. */
  readonly name: string;
  /** The figure, base currency unless its name says otherwise; null where unknown. */
  readonly value: null | number;
}

/** An incident of a limit: opened when its state leaves OK, told again when the level changes or it worsens by a tenth of the limit, closed when the state is OK again. */
export interface RiskBreach {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Id of the incident, the same from its opening to its closing; unique. */
  readonly breachId: string;
  /** Id of the limit within the portfolio. */
  readonly limitId: string;
  /** What is limited. */
  readonly type: string;
  /** HARD: orders that would break it are refused. SOFT: they are accepted with a warning. INFORMATIONAL: it is only watched. */
  readonly severity: 'INFORMATIONAL' | 'SOFT' | 'HARD';
  /** What the figure is taken of. */
  readonly scope: 'PORTFOLIO' | 'STRATEGY' | 'INSTRUMENT' | 'SECTOR';
  /** The strategy, instrument or sector; null with scope PORTFOLIO. */
  readonly scopeId: null | string;
  /** The position, sector or shock that decided, where the largest of several is taken; else null. */
  readonly subject: null | string;
  /** What happened to the incident. */
  readonly event: 'OPENED' | 'CHANGED' | 'WORSENED' | 'CLOSED';
  /** What it is now: NONE once it is closed; NO_DATA: the figure is not known, which a limit does not take for good news. */
  readonly level: 'NONE' | 'WARNING' | 'BREACH' | 'NO_DATA';
  /** The figure, in the unit of the type; null while it is not known. */
  readonly value: null | number;
  /** The limit in force; null while it is not known. */
  readonly threshold: null | number;
  /** value / threshold; null while either is not known. */
  readonly utilisation: null | number;
  /** Why there is no figure; null when there is one. */
  readonly reason: null | string;
  /** Event time of the opening, microseconds UTC. */
  readonly openedAt: Micros;
  /** What the figure was made of: the portfolio's figures, and the largest parts of the limited one. */
  readonly evidence: readonly Evidence[];
  /** Topic of the record that caused this one. */
  readonly sourceTopic: string;
  /** Event time of the record that caused this one, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** The kill switch as somebody, or a response to a breach, set it. Compacted: the newest record per key holds. */
export interface RiskControl {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** The portfolio; null: all of them. The stricter of the two holds. */
  readonly portfolio: null | string;
  /** ACTIVE: orders are checked as usual. REDUCING: only orders that make a position smaller pass. HALTED: none passes. */
  readonly state: 'ACTIVE' | 'REDUCING' | 'HALTED';
  /** Who set it, e.g. graphql:anna or response:<workflow>. */
  readonly setBy: string;
  /** Why. Not empty. */
  readonly reason: string;
  /** The incident that it answers; null where there is none. */
  readonly breachId: null | string;
}

/** A limit as somebody set it. Compacted: the newest record per portfolio and limit holds; a tombstone takes the limit away. What it stands at: risk.utilisation. */
export interface RiskLimit {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Id within the portfolio, e.g. var-99. Not empty. */
  readonly limitId: string;
  /** What is limited, e.g. value-at-risk; all types: tidemark limits types. */
  readonly type: string;
  /** HARD: orders that would break it are refused. SOFT: they are accepted with a warning. INFORMATIONAL: it is only watched. */
  readonly severity: 'INFORMATIONAL' | 'SOFT' | 'HARD';
  /** What the figure is taken of: the whole portfolio, or one strategy, instrument or sector of it. */
  readonly scope: 'PORTFOLIO' | 'STRATEGY' | 'INSTRUMENT' | 'SECTOR';
  /** The strategy, instrument or sector; null with scope PORTFOLIO, where types of single positions or sectors take the largest. */
  readonly scopeId: null | string;
  /** The limit: the figure may reach it and not pass it. Greater than zero; in the unit of its type, or a fraction of equity (relativeTo). */
  readonly threshold: number;
  /** EQUITY: threshold is a fraction of the portfolio's equity, for types that are amounts. */
  readonly relativeTo: 'NONE' | 'EQUITY';
  /** Utilisation from which on there is a warning, above 0 and at most 1. */
  readonly warnAt: number;
  /** Of value-at-risk and expected-shortfall: historical (when null), age-weighted, normal, ewma, filtered-historical or monte-carlo. */
  readonly method: null | string;
  /** Of value-at-risk and expected-shortfall: level; 0.99 when null. */
  readonly confidence: null | number;
  /** Of value-at-risk and expected-shortfall: trading days ahead; 1 when null. */
  readonly horizonDays: null | number;
  /** Of stressed-loss: name of the shock; the worst of all when null. */
  readonly scenario: null | string;
  /** Of order-rate and turnover: event time that is looked back over, milliseconds; of stale-data not used. */
  readonly windowMs: null | number;
  /** VOLATILITY: the threshold in force is threshold x reference / the portfolio's volatility (risk.measures, at each day's end), within minimum and maximum. NONE: it stays as it was set. */
  readonly adjustment: 'NONE' | 'VOLATILITY';
  /** Annualised volatility at which the threshold holds as it was set, greater than zero; null without adjustment. */
  readonly reference: null | number;
  /** Smallest threshold in force, in the threshold's unit, greater than zero; null without adjustment. */
  readonly minimum: null | number;
  /** Largest threshold in force, at least minimum; null without adjustment. */
  readonly maximum: null | number;
  /** False: kept, but not watched. */
  readonly enabled: boolean;
  /** Who set it, e.g. graphql:anna or demo. */
  readonly setBy: string;
  /** Why; null where nobody said. */
  readonly reason: null | string;
}

/** VaR and ES by one method, level and horizon. */
export interface RiskTail {
  /** historical, age-weighted, normal, ewma, filtered-historical or monte-carlo; what each is: tidemark risk --help. */
  readonly method: string;
  /** Level, e.g. 0.99: a loss above VaR has the probability 1 - confidence. */
  readonly confidence: number;
  /** Trading days ahead. */
  readonly horizonDays: number;
  /** null: the newest scenarios. Else the days that the scenarios are from, first/last, ISO 8601. */
  readonly stressWindow: null | string;
  /** Value at risk, a positive loss in base currency; null where the method cannot say (problem). */
  readonly valueAtRisk: null | number;
  /** Expected shortfall, a positive loss in base currency, at least VaR; null with VaR. */
  readonly expectedShortfall: null | number;
  /** Days of history that it was taken from. */
  readonly scenarios: number;
  /** full-cholesky, projected or bootstrap; null where nothing is drawn at random. */
  readonly sampling: null | string;
  /** Paths drawn; 0 where nothing is. */
  readonly paths: number;
  /** Why there is no figure: a code, a colon, a sentence; null when there is one. */
  readonly problem: null | string;
}

/** Exposure to a sector. */
export interface SectorExposure {
  /** Sector name; empty for instruments without one. */
  readonly sector: string;
  /** Sum of exposures, base currency. */
  readonly net: number;
  /** Sum of |exposures|, base currency. */
  readonly gross: number;
}

/** What a position adds to historical VaR and ES, one day ahead. */
export interface RiskContribution {
  /** Instrument id. */
  readonly instrument: string;
  /** quantity x multiplier x mark, base currency; negative when short. */
  readonly exposure: number;
  /** Its part of VaR; over all positions they sum to it. Negative: takes risk away. */
  readonly componentVar: number;
  /** Its part of ES; over all positions they sum to it. */
  readonly componentEs: number;
  /** Change of VaR for one more unit of base currency held of it. */
  readonly marginalVar: number;
  /** VaR less VaR without the position. */
  readonly incrementalVar: number;
}

/** Profit under a shock. */
export interface ShockProfit {
  /** Name of the shock or of the past days, e.g. equities -20 %, Lehman 2008. */
  readonly name: string;
  /** Profit of today's holdings under it, base currency, negative is a loss; null where a holding has no history then. */
  readonly profit: null | number;
}

/** Risk of a portfolio as it stands: exposures, concentration, VaR and ES by several methods, what each position adds, stress. Exposures and historical figures are those of eventTime; the others (detailTime) are renewed once a minute of event time, and at each day's end. */
export interface RiskMeasures {
  /** Newest event time of the portfolio's positions and P&L when it was made, microseconds since 1970-01-01 UTC; never goes back. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** True: what was held at the end of a UTC day (historyDate, once that day's returns are known), with that day's returns in the scenarios; made early on the next day, or later when returns came late. Followed by a record of the present. False: the present. */
  readonly dayEnd: boolean;
  /** Equity of portfolio.pnl, base currency; null before the first. */
  readonly equity: null | number;
  /** Sum of positive exposures, base currency. */
  readonly longExposure: number;
  /** Sum of negative exposures, base currency, zero or less. */
  readonly shortExposure: number;
  /** longExposure - shortExposure. */
  readonly grossExposure: number;
  /** longExposure + shortExposure. */
  readonly netExposure: number;
  /** grossExposure / equity; null unless equity is positive. */
  readonly leverage: null | number;
  /** Positions with a quantity other than zero. */
  readonly openPositions: number;
  /** Open positions without a mark, or in a currency without a rate: while there are any, nothing below is known. Nor is it while anything is in another currency than the base currency (CURRENCY in problem): scenarios are of prices alone. */
  readonly unpriced: readonly string[];
  /** Newest day whose returns are in the scenarios, ISO 8601; null without history. */
  readonly historyDate: null | string;
  /** Days of history common to all holdings, at most the window. */
  readonly scenarios: number;
  /** The instrument whose history is the shortest, when that cuts the window; else null. */
  readonly shortestHistory: null | string;
  /** Historical figures one day ahead first; they are of eventTime. */
  readonly measures: readonly RiskTail[];
  /** Event time of the figures from here on and of all measures but the first, microseconds UTC. */
  readonly detailTime: Micros;
  /** Annualised standard deviation (252 days, ddof 1) of the scenarios' profits over equity; null unless equity is positive. */
  readonly volatility: null | number;
  /** Instrument that beta is against. */
  readonly benchmark: string;
  /** Slope of the scenarios' profits over equity on the benchmark's returns; null where either is unknown. */
  readonly beta: null | number;
  /** Mean of the sample correlations between holdings, each pair once; null with fewer than two that move. */
  readonly averageCorrelation: null | number;
  /** Ledoit and Wolf's shrinkage of the covariance, 0 (none) to 1; null with averageCorrelation. */
  readonly shrinkage: null | number;
  /** Holdings that move, in the order of the correlations; empty with fewer than two or more than 50. */
  readonly correlationInstruments: readonly string[];
  /** Shrunk correlations of each of them with those after it: first with second, first with third, ... -1 to 1. */
  readonly correlations: readonly number[];
  /** Trading days to liquidate the slowest position at a fifth of its average value traded a day (of the last 20 days with trades); 0 when nothing is held, null where nothing is known of what is traded of one, or it is in another currency. */
  readonly liquidityDays: null | number;
  /** The slowest position; null with liquidityDays, and when nothing is held. */
  readonly liquidityInstrument: null | string;
  /** Sum of squared shares of gross exposure, 0 (nothing held) to 1 (one position). */
  readonly herfindahl: number;
  /** Share of gross exposure of the largest position, 0 to 1. */
  readonly largestShare: number;
  /** Share of gross exposure of the five largest positions, 0 to 1. */
  readonly topFiveShare: number;
  /** By gross exposure, largest first. */
  readonly sectors: readonly SectorExposure[];
  /** Level of the contributions; null when there are none. */
  readonly contributionConfidence: null | number;
  /** By instrument. */
  readonly contributions: readonly RiskContribution[];
  /** Scenario shocks. */
  readonly shocks: readonly ShockProfit[];
  /** Topic of the record that caused this one. */
  readonly sourceTopic: string;
  /** Event time of the record that caused this one, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** A notification of an incident, as a workflow sends it to a topic (channel TOPIC). At least once: actionId tells repetitions. */
export interface RiskNotification {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Of the action in risk.actions that it delivers; the same when it is delivered again. */
  readonly actionId: string;
  /** The incident. */
  readonly breachId: string;
  /** The workflow. */
  readonly workflowId: string;
  /** Its step. */
  readonly stepId: string;
  /** ESCALATE: the step of a workflow that goes further. */
  readonly kind: 'NOTIFY' | 'ESCALATE';
  /** One line. */
  readonly subject: string;
  /** The text. */
  readonly body: string;
  /** Id of the limit within the portfolio. */
  readonly limitId: string;
  /** What is limited. */
  readonly type: string;
  /** Of the limit. */
  readonly severity: 'INFORMATIONAL' | 'SOFT' | 'HARD';
  /** What the incident was then; NONE: it was closed. */
  readonly level: 'NONE' | 'WARNING' | 'BREACH' | 'NO_DATA';
  /** The figure, in the unit of the type; null while it was not known. */
  readonly value: null | number;
  /** The limit in force; null while it was not known. */
  readonly threshold: null | number;
  /** value / threshold; null while either was not known. */
  readonly utilisation: null | number;
  /** Topic of the newest record of the incident. */
  readonly sourceTopic: string;
  /** Event time of that record, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** undefined */
export interface PredictionContribution {
  /** Group of features: level, distance, trend, memory, portfolio, volatility, market or type. */
  readonly group: string;
  /** What it adds to the log-odds of probability20, against the medians of the training data: above 0 it makes a breach likelier. */
  readonly logOdds: number;
  /** The feature of the group that matters most. */
  readonly feature: string;
  /** Its value, in its unit (docs/predictions.md). */
  readonly value: number;
}

/** How probable it is that a limit is broken within some trading days. Compacted: the newest record per portfolio and limit holds; a tombstone says that the limit is gone. Made when it has changed, at most once a commit, and every 30 seconds while records come. */
export interface BreachPrediction {
  /** Of the newest record that it rests on, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Id of the limit within the portfolio. */
  readonly limitId: string;
  /** What is limited. */
  readonly type: string;
  /** Figure over limit, 0 to 1000; null where it is not known. */
  readonly utilisation: null | number;
  /** BROKEN: there is nothing to foresee. UNKNOWN: there is no figure, no equity above zero, or no model of a figure that only a model can foresee (reason). In both there are no probabilities. */
  readonly state: 'PREDICTED' | 'BROKEN' | 'UNKNOWN';
  /** NO_FIGURE, NO_EQUITY or NO_MODEL; null unless UNKNOWN. */
  readonly reason: null | string;
  /** That the limit is broken on the next trading day, 0 to 1; null unless PREDICTED. The day that lasts is none of them: the row is as if it ended now. */
  readonly probability1: null | number;
  /** Within 5 trading days; at least probability1. */
  readonly probability5: null | number;
  /** Within 20 trading days; at least probability5. */
  readonly probability20: null | number;
  /** Within 5 minutes of trading, by the closed form at the pace of the last hour; null unless PREDICTED, and where the figure does not move within the day. */
  readonly probability5m: null | number;
  /** Within 30 minutes; at least probability5m. */
  readonly probability30m: null | number;
  /** Within 60 minutes; at least probability30m. */
  readonly probability60m: null | number;
  /** What the days are said by: model, or first-passage: the closed form, not calibrated, where no model could have been known or none has seen a limit of this type broken. docs/predictions.md says how good each was. Null unless PREDICTED. */
  readonly method: null | string;
  /** Version of the model, 12 hexadecimal digits; null without one. */
  readonly modelVersion: null | string;
  /** Newest event time that the model's labels looked at, microseconds UTC; null without one. */
  readonly trainedUntil: null | Micros;
  /** What the prediction is made of, most important first; exact Shapley values of all eight groups. Empty without a model, and where probability20 is below 1 %. */
  readonly contributions: readonly PredictionContribution[];
  /** Version of the candidate that scores beside the model, for comparison only; null without one. */
  readonly shadowVersion: null | string;
  /** What it says for the next trading day; null without one. */
  readonly shadow1: null | number;
  /** Within 5 trading days. */
  readonly shadow5: null | number;
  /** Within 20 trading days. */
  readonly shadow20: null | number;
  /** Topic of the newest record that it rests on. */
  readonly sourceTopic: string;
  /** Its event time, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** What a limit stands at. Compacted: the newest record per portfolio and limit holds; a tombstone says that the limit is gone. Made when its figure changes, at most once a commit. */
export interface LimitUtilisation {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Portfolio id, e.g. equal-weight. Not empty. */
  readonly portfolio: string;
  /** Id of the limit within the portfolio. */
  readonly limitId: string;
  /** What is limited. */
  readonly type: string;
  /** HARD: orders that would break it are refused. SOFT: they are accepted with a warning. INFORMATIONAL: it is only watched. */
  readonly severity: 'INFORMATIONAL' | 'SOFT' | 'HARD';
  /** What the figure is taken of. */
  readonly scope: 'PORTFOLIO' | 'STRATEGY' | 'INSTRUMENT' | 'SECTOR';
  /** The strategy, instrument or sector; null with scope PORTFOLIO. */
  readonly scopeId: null | string;
  /** The position, sector or shock that decided, where the largest of several is taken; else null. */
  readonly subject: null | string;
  /** The figure, in the unit of the type; null while it is not known (reason). */
  readonly value: null | number;
  /** The limit in force, in the same unit: after adjustment, and as an amount where it was a fraction of equity; null while that is not known. */
  readonly threshold: null | number;
  /** The limit before adjustment, in the same unit; null with threshold. */
  readonly baseThreshold: null | number;
  /** value / threshold; null while either is not known. */
  readonly utilisation: null | number;
  /** WARNING from warnAt on, BREACHED above the limit, and each until the figure is a hundredth of the limit below that again; UNKNOWN while there is no figure. */
  readonly state: 'OK' | 'WARNING' | 'BREACHED' | 'UNKNOWN';
  /** Why there is no figure; null when there is one. */
  readonly reason: null | string;
  /** Event time at which the state began, microseconds UTC. */
  readonly since: Micros;
  /** Topic of the record that caused this one. */
  readonly sourceTopic: string;
  /** Event time of the record that caused this one, microseconds UTC. */
  readonly sourceEventTime: Micros;
}

/** One thing that a workflow does. */
export interface WorkflowStep {
  /** Id within the workflow. Not empty. */
  readonly stepId: string;
  /** NOTIFY and ESCALATE: somebody is told. REDUCE and HALT: the kill switch of the portfolio is set to REDUCING or HALTED. */
  readonly kind: 'NOTIFY' | 'REDUCE' | 'HALT' | 'ESCALATE';
  /** How long after the workflow took the incident up, milliseconds, from 0 (at once) to a year. */
  readonly afterMs: number;
  /** True: not done once somebody has acknowledged or overridden the incident. */
  readonly onlyIfUnacknowledged: boolean;
  /** Of NOTIFY and ESCALATE: by which way. Null for REDUCE and HALT. */
  readonly channel: null | 'WEBHOOK' | 'EMAIL' | 'TOPIC';
  /** Of a channel: the URL of a webhook, e-mail addresses separated by commas, or a topic. Null without one. */
  readonly target: null | string;
  /** Template of the subject; null: a plain one. */
  readonly subject: null | string;
  /** Template of the text, of REDUCE and HALT of the reason; null: a plain one. Placeholders such as {portfolio}: docs/response.md. */
  readonly text: null | string;
}

/** What is done about incidents of limits, as somebody set it. Compacted: the newest record per workflow holds; a tombstone takes it away. Sent once to each partition, so that every one has all workflows. */
export interface RiskWorkflow {
  /** When it happened, microseconds since 1970-01-01 UTC. Equals the Kafka record timestamp in milliseconds. */
  readonly eventTime: Micros;
  /** Id, e.g. hard-breach. Not empty. */
  readonly workflowId: string;
  /** What people call it. Not empty. */
  readonly name: string;
  /** False: kept, but nothing of it is done. */
  readonly enabled: boolean;
  /** Portfolios whose incidents it answers; empty: all. */
  readonly portfolios: readonly string[];
  /** Severities that it answers; empty: all. */
  readonly severities: readonly ('INFORMATIONAL' | 'SOFT' | 'HARD')[];
  /** Levels of an incident that it answers; empty: all. */
  readonly levels: readonly ('WARNING' | 'BREACH' | 'NO_DATA')[];
  /** Types of limits that it answers, e.g. value-at-risk; empty: all. */
  readonly limitTypes: readonly string[];
  /** What is done, in this order where several are due at once. At least one. */
  readonly steps: readonly WorkflowStep[];
  /** Who set it, e.g. cli:anna or demo. */
  readonly setBy: string;
  /** Why; null where nobody said. */
  readonly reason: null | string;
}

/** The value type of each topic. */
export interface Types {
  'audit.trail': AuditEntry;
  'execution.quality': ExecutionQuality;
  'market.bars': Bar;
  'market.book': BookUpdate;
  'market.depth': Depth;
  'market.indicators': IndicatorValues;
  'market.marks': InstrumentMark;
  'market.regimes': MarketRegime;
  'market.returns': DailyReturn;
  'market.sessions': Session;
  'market.trades': Trade;
  'ml.events': MlEvent;
  'orders.decisions': OrderDecision;
  'orders.fills': Fill;
  'orders.requests': OrderRequest;
  'portfolio.cash': CashMovement;
  'portfolio.pnl': PortfolioPnl;
  'portfolio.positions': Position;
  'reference.corporate-actions': CorporateAction;
  'reference.instruments': Instrument;
  'reference.portfolios': Portfolio;
  'risk.acknowledgements': RiskAcknowledgement;
  'risk.actions': RiskAction;
  'risk.backtests': RiskBacktest;
  'risk.breaches': RiskBreach;
  'risk.controls': RiskControl;
  'risk.limits': RiskLimit;
  'risk.measures': RiskMeasures;
  'risk.notifications': RiskNotification;
  'risk.predictions': BreachPrediction;
  'risk.utilisation': LimitUtilisation;
  'risk.workflows': RiskWorkflow;
}
