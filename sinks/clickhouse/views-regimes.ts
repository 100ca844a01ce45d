import type { View } from './views.ts';

const column = (name: string, type: string, doc: string) => ({ name, type, doc });
/** By the order of the record's probabilities. */
const PROBABILITIES = ['bull_calm', 'bull_volatile', 'bear_calm', 'bear_volatile', 'crisis', 'sideways'];

/** What analysts ask of regimes, over the deduplicated view. */
export const REGIME_VIEWS: readonly View[] = [
  {
    name: 'regimes_latest',
    doc: 'The regime of every instrument and day as it is now: the newest record of market.regimes.',
    columns: [
      column('instrument', 'LowCardinality(String)', 'Instrument id.'),
      column('date', 'Date32', 'UTC day.'),
      column('regime', 'String', 'The regime that is named: docs/regimes.md says what each means.'),
      column('days', 'Int32', 'Days for which it has been named.'),
      ...PROBABILITIES.map((name) =>
        column(name, 'Float64', `Probability that the day belongs to ${name.toUpperCase()}, 0 to 1.`),
      ),
      column('volatility', 'Float64', "Forecast of the next day's volatility, annualised, a fraction."),
      column('classifier', 'Nullable(String)', 'Version of the classifier that was heard; null without one.'),
      column('revision', 'Int32', 'How often it was said anew.'),
    ],
    sql: `SELECT instrument, toDate32(day) AS date, newest.1 AS regime, newest.2 AS days,
  ${PROBABILITIES.map((name, at) => `newest.3[${at + 1}].2 AS ${name}`).join(', ')},
  newest.4 AS volatility, newest.5 AS classifier, newest.6 AS revision
FROM (
  SELECT instrument, date AS day,
    argMax((toString(regime), days, probabilities, volatility, classifier, revision), _offset) AS newest
  FROM market_regimes GROUP BY instrument, date
)`,
  },
];
