/** Splits and dividends of instruments. */
import type { CorporateActionRow } from '#sinks/postgres/read-corporate-actions.ts';
import { LAST, rowsOf } from './arguments.ts';
import { topicType } from './topic-type.ts';
import { builder } from './types.ts';

const CorporateActionType = topicType<CorporateActionRow>('reference.corporate-actions', 'CorporateAction', {
  description: 'A split or a cash dividend, as it was said last.',
});

builder.queryField('corporateActions', (t) =>
  t.field({
    type: [CorporateActionType],
    args: {
      instrument: t.arg.string({ description: 'All instruments when null.' }),
      last: t.arg.int(LAST),
    },
    description: 'Splits and dividends, the newest ex time first; without those that were taken back.',
    resolve: (_root, { instrument, last }, { store }) => store.corporateActions(instrument ?? null, rowsOf(last)),
  }),
);
