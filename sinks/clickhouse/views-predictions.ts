import type { View } from './views.ts';

const column = (name: string, type: string, doc: string) => ({ name, type, doc });
const PROBABILITY = 'Nullable(Float64)';
const LATEST = [
  column('event_time', "DateTime64(6, 'UTC')", 'Of the newest record that it rests on.'),
  column('type', 'String', 'What is limited.'),
  column('utilisation', PROBABILITY, 'Figure over limit; null where it is not known.'),
  column('state', 'String', 'PREDICTED, BROKEN (there is nothing to foresee) or UNKNOWN.'),
  column('probability1', PROBABILITY, 'That it is broken on the next trading day; null unless PREDICTED.'),
  column('probability5', PROBABILITY, 'Within 5 trading days.'),
  column('probability20', PROBABILITY, 'Within 20 trading days.'),
  column('probability5m', PROBABILITY, 'Within 5 minutes; null where the figure does not move within the day.'),
  column('probability30m', PROBABILITY, 'Within 30 minutes.'),
  column('probability60m', PROBABILITY, 'Within 60 minutes.'),
  column('method', 'Nullable(String)', 'model, or first-passage: the closed form, not calibrated.'),
  column('model_version', 'Nullable(String)', 'Version of the model; null without one.'),
];

/** What analysts ask of predictions, over the deduplicated view. */
export const PREDICTION_VIEWS: readonly View[] = [
  {
    name: 'predictions_latest',
    doc: 'The newest prediction of every limit. Of one that was taken away the last.',
    columns: [
      column('portfolio', 'LowCardinality(String)', 'Portfolio id.'),
      column('limit_id', 'String', 'Id of the limit within the portfolio.'),
      ...LATEST,
    ],
    sql: `SELECT portfolio, limit_id, ${LATEST.map(({ name }, at) => `newest.${at + 1} AS ${name}`).join(', ')}
FROM (
  SELECT portfolio, limit_id,
    argMax((${LATEST.map(({ name }) => (name === 'state' ? 'toString(state)' : name)).join(', ')}), _offset) AS newest
  FROM risk_predictions GROUP BY portfolio, limit_id
)`,
  },
];
