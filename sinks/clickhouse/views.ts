import { tableColumns } from './tables.ts';
import { BOOK_VIEWS } from './views-book.ts';
import { PREDICTION_VIEWS } from './views-predictions.ts';
import { REGIME_VIEWS } from './views-regimes.ts';

/** A view for people: columns with their documentation, and the query behind it. */
export interface View {
  readonly name: string;
  readonly doc: string;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly doc: string }[];
  readonly sql: string;
}

const column = (name: string, type: string, doc: string) => ({ name, type, doc });
const ID = 'LowCardinality(String)';
const AMOUNT = 'Decimal(38, 9)';
const INTERVAL = "Enum8('SECOND' = 1, 'MINUTE' = 2, 'HOUR' = 3, 'DAY' = 4)";
const TIME = "DateTime64(6, 'UTC')";
const SIDE = "Enum8('BUY' = 1, 'SELL' = 2)";
/** Columns of execution_latest after portfolio and order_id. */
const EXECUTION_FIGURES = [
  'instrument',
  'strategy',
  'side',
  'status',
  'arrival_time',
  'quantity',
  'filled_quantity',
  'average_price',
  'slippage_arrival_bps',
  'slippage_vwap_bps',
  'slippage_twap_bps',
  'delay_bps',
  'trading_bps',
  'opportunity_bps',
  'fees_bps',
  'shortfall',
  'shortfall_bps',
  'fees',
];
const LAST_OF_DAY = 'at the last record of the day';

/**
 * Within a portfolio the highest offset is the newest record: it lives in one partition, and its event time never goes
 * back.
 * In a tuple, because argMax passes over null: what is not known is not what it was before.
 */
const pnlAt = (name: string) => `argMax(tuple(${name}), _offset).1 AS ${name}`;

/**
 * What analysts ask most, over the deduplicated views. Plain views: nothing here counts a record twice or goes stale.
 */
export const ANALYST_VIEWS: readonly View[] = [
  {
    name: 'trades_daily',
    doc: 'Open, high, low, close and volume per instrument and UTC day.',
    columns: [
      column('instrument', ID, 'Instrument id.'),
      column('day', 'Date32', 'UTC date of the trades.'),
      column('open', 'Float64', 'Price of the first trade of the day.'),
      column('high', 'Float64', 'Highest price of the day.'),
      column('low', 'Float64', 'Lowest price of the day.'),
      column('close', 'Float64', 'Price of the last trade of the day.'),
      column('volume', 'Nullable(Float64)', 'Units traded, where sizes are known; null when no trade had one.'),
      column('trades', 'UInt64', 'Number of trades.'),
    ],
    sql: `SELECT instrument, toDate32(event_time, 'UTC') AS day,
  argMin(price, (event_time, _partition, _offset)) AS open, max(price) AS high, min(price) AS low,
  argMax(price, (event_time, _partition, _offset)) AS close, sumOrNull(size) AS volume, count() AS trades
FROM trades GROUP BY instrument, day`,
  },
  {
    name: 'risk_tails',
    doc: 'VaR and ES of every portfolio, method, level and horizon; a row for each in every record of risk.measures.',
    columns: [
      column('portfolio', ID, 'Portfolio id.'),
      column('event_time', TIME, 'Event time of the record.'),
      column('day_end', 'Bool', 'True: what was held at the end of history_date.'),
      column('history_date', 'Nullable(String)', 'Newest day whose returns are in the scenarios.'),
      column('method', 'String', 'How it was taken: tidemark risk --help says what each is.'),
      column('confidence', 'Float64', 'Level, e.g. 0.99.'),
      column('horizon_days', 'Int32', 'Trading days ahead.'),
      column('stress_window', 'Nullable(String)', 'Days that the scenarios are from; null: the newest.'),
      column('value_at_risk', 'Nullable(Float64)', 'A positive loss in base currency; null where there is none.'),
      column('expected_shortfall', 'Nullable(Float64)', 'A positive loss in base currency; null with VaR.'),
      column('scenarios', 'Int32', 'Days of history that it was taken from.'),
      column('problem', 'Nullable(String)', 'Why there is no figure.'),
    ],
    sql: `SELECT portfolio, event_time, day_end, history_date, tail.method AS method, tail.confidence AS confidence,
  tail.horizon_days AS horizon_days, tail.stress_window AS stress_window, tail.value_at_risk AS value_at_risk,
  tail.expected_shortfall AS expected_shortfall, tail.scenarios AS scenarios, tail.problem AS problem
FROM risk_measures ARRAY JOIN measures AS tail`,
  },
  {
    name: 'risk_contributions',
    doc: 'What each position adds to historical VaR and ES, one day ahead; a row for each in every record of risk.measures.',
    columns: [
      column('portfolio', ID, 'Portfolio id.'),
      column('event_time', TIME, 'Event time of the record.'),
      column('detail_time', TIME, 'Event time of these figures: a record may repeat those of up to a minute before.'),
      column('day_end', 'Bool', 'True: what was held at the end of history_date.'),
      column('history_date', 'Nullable(String)', 'Newest day whose returns are in the scenarios.'),
      column('confidence', 'Nullable(Float64)', 'Level, e.g. 0.99.'),
      column('instrument', ID, 'Instrument id.'),
      column('exposure', 'Float64', 'Market value, base currency; negative when short.'),
      column('component_var', 'Float64', 'Its part of VaR; over all positions they sum to it.'),
      column('component_es', 'Float64', 'Its part of ES; over all positions they sum to it.'),
      column('marginal_var', 'Float64', 'Change of VaR for one more unit of base currency held of it.'),
      column('incremental_var', 'Float64', 'VaR less VaR without the position.'),
    ],
    sql: `SELECT portfolio, event_time, detail_time, day_end, history_date, contribution_confidence AS confidence,
  part.instrument AS instrument, part.exposure AS exposure, part.component_var AS component_var,
  part.component_es AS component_es, part.marginal_var AS marginal_var, part.incremental_var AS incremental_var
FROM risk_measures ARRAY JOIN contributions AS part`,
  },
  {
    name: 'risk_latest',
    doc: 'Risk of every portfolio as it stands: its newest record of risk.measures that is of the present, no day end.',
    columns: tableColumns('risk.measures'),
    sql: `SELECT ${tableColumns('risk.measures')
      .map(({ name }) => name)
      .join(', ')}
FROM risk_measures WHERE (portfolio, _offset) IN (
  SELECT portfolio, max(_offset) FROM risk_measures WHERE NOT day_end GROUP BY portfolio
)`,
  },
  {
    name: 'risk_verdicts',
    doc: 'What each method forecast for each day, and how it has done to date.',
    columns: [
      column('portfolio', ID, 'Portfolio id.'),
      column('date', 'String', 'The day that was judged.'),
      column('profit', 'Float64', "What the day brought to the evening's holdings, base currency."),
      column('method', 'String', 'How the forecast was taken.'),
      column('confidence', 'Float64', 'Level, e.g. 0.99.'),
      column('value_at_risk', 'Float64', 'The forecast, a positive loss.'),
      column('expected_shortfall', 'Float64', 'The same for ES.'),
      column('exception', 'Bool', 'The loss was above VaR.'),
      column('observations', 'Int64', 'Days judged to date.'),
      column('exceptions', 'Int64', 'Exceptions to date.'),
      column('recent_exceptions', 'Int32', 'Exceptions among the last 250 days.'),
      column('zone', 'Nullable(String)', 'Traffic light of the last 250 days.'),
      column('multiplier', 'Nullable(Float64)', "Basel's multiplier."),
      column('kupiec_p', 'Float64', 'p-value of the share of exceptions.'),
      column('coverage_p', 'Nullable(Float64)', 'p-value of share and independence at once.'),
    ],
    sql: `SELECT portfolio, date, profit, result.method AS method, result.confidence AS confidence,
  result.value_at_risk AS value_at_risk, result.expected_shortfall AS expected_shortfall, result.exception AS exception,
  result.observations AS observations, result.exceptions AS exceptions,
  result.recent_exceptions AS recent_exceptions, result.zone AS zone, result.multiplier AS multiplier,
  result.kupiec_p AS kupiec_p, result.coverage_p AS coverage_p
FROM risk_backtests ARRAY JOIN results AS result`,
  },
  {
    name: 'utilisation_latest',
    doc: 'What each limit stands at: the newest record of risk.utilisation.',
    columns: [
      column('portfolio', ID, 'Portfolio id.'),
      column('limit_id', 'String', 'Id of the limit.'),
      column('type', 'String', 'What is limited.'),
      column('state', 'String', 'OK, WARNING, BREACHED or UNKNOWN.'),
      column('value', 'Nullable(Float64)', 'The figure; null while it is not known.'),
      column('threshold', 'Nullable(Float64)', 'The limit in force; null while it is not known.'),
      column('utilisation', 'Nullable(Float64)', 'value / threshold.'),
      column('since', TIME, 'When the state began.'),
      column('event_time', TIME, 'Of the newest record.'),
    ],
    sql: `SELECT portfolio, limit_id, newest.1 AS type, newest.2 AS state, newest.3 AS value, newest.4 AS threshold,
  newest.5 AS utilisation, newest.6 AS since, newest.7 AS event_time
FROM (
  SELECT portfolio, limit_id,
    argMax((type, toString(state), value, threshold, utilisation, since, event_time), _offset) AS newest
  FROM risk_utilisation GROUP BY portfolio, limit_id
)`,
  },
  {
    name: 'incidents',
    doc: 'Incidents of limits from opening to closing: one row a breach_id of risk.breaches.',
    columns: [
      column('portfolio', ID, 'Portfolio id.'),
      column('breach_id', 'String', 'Id of the incident.'),
      column('limit_id', 'String', 'Id of the limit.'),
      column('type', 'String', 'What is limited.'),
      column('severity', 'String', 'HARD, SOFT or INFORMATIONAL.'),
      column('level', 'String', 'What it is now: NONE once it is closed.'),
      column('opened_at', TIME, 'When it was opened.'),
      column('closed_at', `Nullable(${TIME})`, 'When it was closed; null while it lasts.'),
      column('peak_utilisation', 'Nullable(Float64)', 'Highest utilisation that was told.'),
      column('records', 'UInt64', 'Records of it.'),
    ],
    sql: `SELECT portfolio, breach_id, newest.1 AS limit_id, newest.2 AS type, newest.3 AS severity, newest.4 AS level, opened_at,
  if(newest.4 = 'NONE', newest.5, NULL) AS closed_at, peak_utilisation, records
FROM (
  SELECT portfolio, breach_id, argMax((limit_id, type, toString(severity), toString(level), event_time), _offset) AS newest,
    min(opened_at) AS opened_at, max(utilisation) AS peak_utilisation, count() AS records
  FROM risk_breaches GROUP BY portfolio, breach_id
)`,
  },
  {
    name: 'order_checks',
    doc: 'Every limit that the pre-trade check looked at: one row a limit of each record of orders.decisions.',
    columns: [
      column('portfolio', ID, 'Portfolio id.'),
      column('order_id', 'String', 'Id of the order.'),
      column('event_time', TIME, 'When it was asked for.'),
      column('instrument', ID, 'Instrument id.'),
      column('decision', 'String', 'ACCEPTED or REJECTED.'),
      column('limit_id', 'String', 'Id of the limit.'),
      column('type', 'String', 'What is limited.'),
      column('severity', 'String', 'HARD, SOFT or INFORMATIONAL.'),
      column('before', 'Nullable(Float64)', 'The figure before the order.'),
      column('after', 'Nullable(Float64)', 'The figure if all of it were filled.'),
      column('threshold', 'Nullable(Float64)', 'The limit in force.'),
      column('outcome', 'String', 'PASSED, EASED, EXCEEDED or UNKNOWN.'),
    ],
    sql: `SELECT portfolio, order_id, event_time, instrument, toString(decision) AS decision, check.limit_id AS limit_id,
  check.type AS type, check.severity AS severity, check.before AS before, check.after AS after,
  check.threshold AS threshold, check.outcome AS outcome
FROM order_decisions ARRAY JOIN checks AS check`,
  },
  {
    name: 'models',
    doc: 'Versions of models as they are now: the newest change of stage in ml.events.',
    columns: [
      column('model', 'String', 'Name of the model.'),
      column('version', 'String', 'First 12 hexadecimal digits of its file’s SHA-256.'),
      column('stage', 'String', 'CANDIDATE, SHADOW, CHAMPION or RETIRED.'),
      column('since', TIME, 'When that began.'),
      column('registered_at', TIME, 'When it was registered.'),
      column('by', 'String', 'Who did the newest step.'),
      column('reason', 'String', 'Why.'),
      column('trained_from', TIME, 'Event time of the first row that it was trained on.'),
      column('labels_until', TIME, 'Last event time that its training looked at: what comes later is out of sample.'),
      column('out_of_sample', 'Map(String, Float64)', 'Its metrics on what it was not trained on.'),
      column('metadata', 'String', 'What it says of itself, as JSON.'),
    ],
    sql: `SELECT model, assumeNotNull(version) AS version, newest.1 AS stage, newest.2 AS since, registered_at,
  newest.3 AS by, newest.4 AS reason,
  fromUnixTimestamp64Micro(JSONExtractInt(newest.5, 'training', 'from'), 'UTC') AS trained_from,
  fromUnixTimestamp64Micro(JSONExtractInt(newest.5, 'training', 'labelsUntil'), 'UTC') AS labels_until,
  JSONExtract(newest.5, 'metrics', 'outOfSample', 'Map(String, Float64)') AS out_of_sample, newest.5 AS metadata
FROM (
  SELECT model, version, min(event_time) AS registered_at, argMax((toString(assumeNotNull(to_stage)), event_time, by,
    reason, assumeNotNull(metadata)), (event_time, _offset)) AS newest
  FROM ml_events WHERE to_stage IS NOT NULL AND version IS NOT NULL GROUP BY model, version
)`,
  },
  {
    name: 'execution_latest',
    doc: 'What executing each order has cost: the newest record of execution.quality.',
    columns: [
      column('portfolio', ID, 'Portfolio id.'),
      column('order_id', 'String', 'Id of the order.'),
      column('instrument', ID, 'Instrument id.'),
      column('strategy', 'String', 'Who decided.'),
      column('side', SIDE, 'BUY or SELL.'),
      column('status', "Enum8('OPEN' = 1, 'FILLED' = 2, 'EXPIRED' = 3)", 'OPEN, FILLED or EXPIRED.'),
      column('arrival_time', TIME, 'When it was asked for.'),
      column('quantity', AMOUNT, 'Units ordered.'),
      column('filled_quantity', AMOUNT, 'Units executed.'),
      column('average_price', 'Nullable(Float64)', 'Average execution price; null without fills.'),
      column('slippage_arrival_bps', 'Nullable(Float64)', 'Against the price at arrival; positive is a cost.'),
      column('slippage_vwap_bps', 'Nullable(Float64)', 'Against the volume-weighted average price meanwhile.'),
      column('slippage_twap_bps', 'Nullable(Float64)', 'Against the time-weighted average price meanwhile.'),
      column('delay_bps', 'Nullable(Float64)', 'Part of the shortfall: from decision to arrival.'),
      column('trading_bps', 'Nullable(Float64)', 'Part of the shortfall: from arrival to the fills.'),
      column('opportunity_bps', 'Nullable(Float64)', 'Part of the shortfall: what was not executed.'),
      column('fees_bps', 'Nullable(Float64)', 'Part of the shortfall: commission.'),
      column('shortfall', 'Nullable(Float64)', 'Implementation shortfall in currency; null while OPEN.'),
      column('shortfall_bps', 'Nullable(Float64)', 'The same in basis points of the value at the decision price.'),
      column('fees', AMOUNT, 'Commission.'),
    ],
    sql: `SELECT portfolio, order_id, ${EXECUTION_FIGURES.map((name, index) => `newest.${index + 1} AS ${name}`).join(', ')}
FROM (
  SELECT portfolio, order_id, argMax((${EXECUTION_FIGURES.join(', ')}), _offset) AS newest
  FROM execution_quality GROUP BY portfolio, order_id
)`,
  },
  {
    name: 'execution_venues',
    doc: 'How venues compare: executions of all orders as they are now, by portfolio and venue.',
    columns: [
      column('portfolio', ID, 'Portfolio id.'),
      column('venue', 'String', 'Where it was executed.'),
      column('orders', 'UInt64', 'Orders with executions there.'),
      column('fills', 'Int64', 'Executions in force.'),
      column('quantity', AMOUNT, 'Units executed.'),
      column('notional', 'Float64', 'Sum of quantity x average price x multiplier.'),
      column(
        'slippage_bps',
        'Nullable(Float64)',
        'Against the price at arrival, weighted by notional, of the orders that have one; positive is a cost.',
      ),
    ],
    sql: `SELECT portfolio, venue, count() AS orders, sum(venue_fills) AS fills, sum(venue_quantity) AS quantity,
  sum(value) AS notional, sumOrNull(slippage * value) / sumIf(value, slippage IS NOT NULL) AS slippage_bps
FROM (
  SELECT portfolio, at.venue AS venue, at.fills AS venue_fills, at.quantity AS venue_quantity,
    at.slippage_bps AS slippage, toFloat64(at.quantity) * at.average_price * toFloat64(newest.1) AS value
  FROM (
    SELECT portfolio, order_id, argMax((multiplier, venues), _offset) AS newest
    FROM execution_quality GROUP BY portfolio, order_id
  ) ARRAY JOIN newest.2 AS at
)
GROUP BY portfolio, venue`,
  },
  {
    name: 'indicator_values',
    doc: 'Technical indicators of every final bar as they are now; a row for each value.',
    columns: [
      column('instrument', ID, 'Instrument id.'),
      column('interval', INTERVAL, 'Length of the bar.'),
      column('start_time', TIME, 'Beginning of the bar, inclusive.'),
      column('close', 'Float64', 'Close of the bar, as it was traded.'),
      column('indicator', 'String', 'Name with parameters, e.g. RSI(14): docs/indicators.md says what each is.'),
      column('value', 'Nullable(Float64)', 'Value; null where there were not bars enough.'),
    ],
    sql: `SELECT instrument, interval, start_time, newest.1 AS close, pair.1 AS indicator, pair.2 AS value
FROM (
  SELECT instrument, interval, start_time, argMax((close, values), _offset) AS newest
  FROM indicators WHERE final GROUP BY instrument, interval, start_time
) ARRAY JOIN newest.2 AS pair`,
  },
  {
    name: 'bars_latest',
    doc: 'Every bar as it is now: its newest record.',
    columns: [
      column('instrument', ID, 'Instrument id.'),
      column('interval', INTERVAL, 'Length of the bar.'),
      column('start_time', TIME, 'Beginning of the interval, inclusive.'),
      column('end_time', TIME, 'End of the interval, exclusive.'),
      column('open', 'Float64', 'Price of the first trade.'),
      column('high', 'Float64', 'Highest price.'),
      column('low', 'Float64', 'Lowest price.'),
      column('close', 'Float64', 'Price of the last trade.'),
      column('volume', 'Nullable(Float64)', 'Units traded, where sizes are known; null when no trade had one.'),
      column('trades', 'Int64', 'Number of trades.'),
      column('vwap', 'Nullable(Float64)', 'Volume-weighted average price; null without sizes.'),
      column('final', 'Bool', 'True when the interval is over.'),
      column('revision', 'Int32', 'Number of late trades that changed it since.'),
    ],
    sql: `SELECT instrument, interval, start_time, newest.1 AS end_time, newest.2 AS open, newest.3 AS high,
  newest.4 AS low, newest.5 AS close, newest.6 AS volume, newest.7 AS trades, newest.8 AS vwap, newest.9 AS final,
  newest.10 AS revision
FROM (
  SELECT instrument, interval, start_time, argMax((end_time, open, high, low, close, volume, trades, vwap, final,
    revision), _offset) AS newest
  FROM market_bars GROUP BY instrument, interval, start_time
)`,
  },
  {
    name: 'pnl_daily',
    doc: 'A portfolio at the end of each UTC day, base currency; null where a rate was missing.',
    columns: [
      column('portfolio', ID, 'Portfolio id.'),
      column('day', 'Date32', 'UTC date.'),
      column('equity', 'Nullable(Float64)', `Equity ${LAST_OF_DAY}, base currency.`),
      column('cash', `Nullable(${AMOUNT})`, `Cash ${LAST_OF_DAY}, base currency.`),
      column('realized_pnl', `Nullable(${AMOUNT})`, `Realised P&L to date, net of commission, ${LAST_OF_DAY}.`),
      column('unrealized_pnl', 'Nullable(Float64)', `Unrealised P&L ${LAST_OF_DAY}.`),
      column('commission', `Nullable(${AMOUNT})`, `Commission paid to date ${LAST_OF_DAY}.`),
      column('day_pnl', 'Nullable(Float64)', `P&L of the day, net of deposits and withdrawals, ${LAST_OF_DAY}.`),
      column('drawdown', 'Nullable(Float64)', `1 - equity / peak equity ${LAST_OF_DAY}.`),
      column('gross_exposure', 'Nullable(Float64)', `Sum of absolute position values ${LAST_OF_DAY}.`),
      column('net_exposure', 'Nullable(Float64)', `Sum of signed position values ${LAST_OF_DAY}.`),
      column('open_positions', 'Int32', `Open positions ${LAST_OF_DAY}.`),
      column('records', 'UInt64', 'Records of portfolio.pnl of that day.'),
    ],
    sql: `SELECT portfolio, toDate32(event_time, 'UTC') AS day, ${[
      'equity',
      'cash',
      'realized_pnl',
      'unrealized_pnl',
      'commission',
      'day_pnl',
      'drawdown',
      'gross_exposure',
      'net_exposure',
      'open_positions',
    ]
      .map(pnlAt)
      .join(', ')}, count() AS records
FROM pnl GROUP BY portfolio, day`,
  },
  {
    name: 'positions_latest',
    doc: 'The current position per portfolio and instrument, flat ones included.',
    columns: [
      column('portfolio', ID, 'Portfolio id.'),
      column('instrument', ID, 'Instrument id.'),
      column('event_time', TIME, 'Event time of the newest record.'),
      column('quantity', AMOUNT, 'Signed units held: positive long, negative short.'),
      column('cost', AMOUNT, 'Signed exact cost of what is held, before commission.'),
      column('average_price', 'Nullable(Float64)', 'Average entry price; null when flat.'),
      column('mark_price', 'Nullable(Float64)', 'Newest trade price; null when the instrument never traded.'),
      column('realized_pnl', AMOUNT, 'Realised P&L to date, dividends included, net of commission.'),
      column('unrealized_pnl', 'Nullable(Float64)', 'Unrealised P&L; 0 when flat, null when unpriced.'),
      column('commission', AMOUNT, 'Commission paid to date.'),
      column('cash_flow', AMOUNT, 'Cash moved to date: sells minus buys minus commission plus dividends.'),
      column('fills', 'Int64', 'Fills in force.'),
      column('dividends', AMOUNT, 'Dividends received less those paid to date; part of realized_pnl and cash_flow.'),
    ],
    sql: `SELECT portfolio, instrument, newest.1 AS event_time, newest.2 AS quantity, newest.3 AS cost,
  newest.4 AS average_price, newest.5 AS mark_price, newest.6 AS realized_pnl, newest.7 AS unrealized_pnl,
  newest.8 AS commission, newest.9 AS cash_flow, newest.10 AS fills, newest.11 AS dividends
FROM (
  SELECT portfolio, instrument, argMax((event_time, quantity, cost, average_price, mark_price, realized_pnl,
    unrealized_pnl, commission, cash_flow, fills, dividends), _offset) AS newest
  FROM positions GROUP BY portfolio, instrument
)`,
  },
  {
    name: 'fills_in_force',
    doc: 'Fills as they count in the ledger: the first record of each fill_id with what corrected it, without those cancelled.',
    columns: [
      column('portfolio', ID, 'Portfolio id.'),
      column('fill_id', 'String', 'Unique id of the fill within its portfolio.'),
      column('instrument', ID, 'Instrument id.'),
      column('event_time', TIME, 'When it was executed.'),
      column('side', "Enum8('BUY' = 1, 'SELL' = 2)", 'BUY or SELL.'),
      column('quantity', AMOUNT, 'Units executed.'),
      column('price', AMOUNT, 'Price per unit in the instrument’s currency.'),
      column('commission', AMOUNT, 'Commission paid.'),
      column('order_id', 'Nullable(String)', 'Id of the order that was filled.'),
      column('venue', ID, 'Where it was executed, or who corrected it.'),
      column('corrected', 'Bool', 'True when its figures are those of a correction.'),
    ],
    sql: `SELECT portfolio, fill_id, instrument, first_time AS event_time, side, quantity, price, commission, order_id,
  venue, action != 'NEW' AS corrected
FROM fills
INNER JOIN (
  SELECT portfolio, fill_id, argMin(time, step) AS first_time, argMax(partition, step) AS _partition,
    argMax(position, step) AS _offset
  FROM (
    SELECT portfolio, fill_id, event_time AS time, toString(action) AS done, _partition AS partition,
      _offset AS position, toUInt64(0) AS step
    FROM fills WHERE action = 'NEW' ORDER BY position LIMIT 1 BY portfolio, fill_id
    UNION ALL
    SELECT portfolio, subject_id, event_time, action, toUInt16(source_partition), toUInt64(source_offset), _offset + 1
    FROM audit_trail WHERE subject = 'FILL'
  )
  GROUP BY portfolio, fill_id HAVING min(step) = 0 AND argMax(done, step) != 'CANCEL'
) AS counted USING (portfolio, fill_id, _partition, _offset)`,
  },
  {
    name: 'fills_summary',
    doc: 'Executions per portfolio and instrument, as they count in the ledger (fills_in_force).',
    columns: [
      column('portfolio', ID, 'Portfolio id.'),
      column('instrument', ID, 'Instrument id.'),
      column('fills', 'UInt64', 'Number of different fills.'),
      column('bought', AMOUNT, 'Units bought.'),
      column('sold', AMOUNT, 'Units sold.'),
      column(
        'bought_value',
        'Float64',
        'Sum of quantity x price of buys, in the instrument’s currency, before its multiplier.',
      ),
      column('sold_value', 'Float64', 'Sum of quantity x price of sells, likewise.'),
      column('commission', AMOUNT, 'Commission paid.'),
      column('first_time', TIME, 'Event time of the first fill.'),
      column('last_time', TIME, 'Event time of the last fill.'),
    ],
    sql: `SELECT portfolio, instrument, count() AS fills, sumIf(quantity, side = 'BUY') AS bought,
  sumIf(quantity, side = 'SELL') AS sold,
  sumIf(toFloat64(quantity) * toFloat64(price), side = 'BUY') AS bought_value,
  sumIf(toFloat64(quantity) * toFloat64(price), side = 'SELL') AS sold_value,
  sum(commission) AS commission, min(event_time) AS first_time, max(event_time) AS last_time
FROM fills_in_force
GROUP BY portfolio, instrument`,
  },
  ...BOOK_VIEWS,
  ...PREDICTION_VIEWS,
  ...REGIME_VIEWS,
];
