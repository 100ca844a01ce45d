/** How probable breaches of limits are. */
import type { BreachPrediction } from '#schemas/generated/types.ts';
import { CONFLATE, checkConflate, requireLoaded } from './arguments.ts';
import { topicType } from './topic-type.ts';
import { builder } from './types.ts';

const PredictionType = topicType<BreachPrediction>('risk.predictions', 'BreachPrediction', {
  description: 'How probable it is that a limit is broken. docs/predictions.md says by what, and how good that was.',
  items: { contributions: 'PredictionContribution' },
});

builder.queryFields((t) => ({
  predictions: t.field({
    type: [PredictionType],
    args: { portfolioId: t.arg.id({ required: true }) },
    description: 'The newest prediction of each limit of a portfolio, by id of the limit.',
    resolve: (_root, { portfolioId }, { store }) => store.predictions(portfolioId),
  }),
}));

builder.subscriptionField('predictions', (t) =>
  t.field({
    type: PredictionType,
    description: 'Predictions of one portfolio, or of all when portfolioId is null.',
    args: {
      portfolioId: t.arg.id(),
      conflateMs: t.arg.int({ defaultValue: 0, description: CONFLATE }),
    },
    subscribe: (_root, { portfolioId, conflateMs }, context) => {
      requireLoaded(context);
      const { predictions } = context.views;
      return predictions.subscribe(portfolioId == null ? null : [portfolioId], checkConflate(conflateMs));
    },
    resolve: (value) => value,
  }),
);
