/** What was done about incidents, and what people say to them. */
import { randomUUID } from 'node:crypto';
import { GraphQLError } from 'graphql';
import type { RiskAcknowledgement, RiskAction } from '#schemas/generated/types.ts';
import { acknowledgementOf } from '#schemas/response.ts';
import { command, LAST, rowsOf } from './arguments.ts';
import { presentOf } from './present.ts';
import { topicType } from './topic-type.ts';
import { builder, type GraphqlContext } from './types.ts';

const ActionType = topicType<RiskAction>('risk.actions', 'RiskAction', {
  description: 'Something that was done about an incident: a step of a workflow, its delivery, or what a person said.',
  items: { evidence: 'ActionEvidence' },
});
const AcknowledgementType = topicType<RiskAcknowledgement>('risk.acknowledgements', 'Acknowledgement', {
  description: 'What a person says to an incident.',
});

builder.queryField('riskActions', (t) =>
  t.field({
    type: [ActionType],
    args: {
      portfolioId: t.arg.id({ required: true }),
      breachId: t.arg.string({ description: 'Those of one incident.' }),
      last: t.arg.int(LAST),
    },
    description: 'What was done about incidents, newest first.',
    resolve: (_root, { portfolioId, breachId, last }, { store }) =>
      store.riskActions(portfolioId, breachId ?? null, rowsOf(last)),
  }),
);

interface Said {
  readonly breachId: string;
  readonly by: string;
  readonly reason: string;
  readonly until: number | null;
}

async function say(
  kind: RiskAcknowledgement['kind'],
  { breachId, by, reason, until }: Said,
  { store, views, commands, now }: GraphqlContext,
): Promise<RiskAcknowledgement> {
  const breach = await store.breach(breachId);
  if (!breach) throw new GraphQLError(`There is no incident "${breachId}"`, { extensions: { code: 'BREACH_UNKNOWN' } });
  const newest = Math.max(breach.eventTime, presentOf(views, breach.portfolio, now()));
  const who = by.trim() === '' ? by : `graphql:${by}`;
  const input = {
    portfolio: breach.portfolio,
    breachId,
    kind,
    by: who,
    reason,
    until,
    acknowledgementId: randomUUID(),
  };
  const { record, problem } = acknowledgementOf(input, newest, now());
  if (problem) throw new GraphQLError(problem.reason, { extensions: { code: problem.code } });
  await command(commands.acknowledge(record));
  return record;
}

builder.mutationFields((t) => ({
  acknowledgeBreach: t.field({
    type: AcknowledgementType,
    args: {
      breachId: t.arg.string({ required: true }),
      by: t.arg.string({ required: true, description: 'Who says so.' }),
      reason: t.arg.string({ required: true }),
    },
    description: 'Somebody knows of an incident: steps for unacknowledged ones are not taken.',
    resolve: (_root, said, context) => say('ACKNOWLEDGE', { ...said, until: null }, context),
  }),
  overrideBreach: t.field({
    type: AcknowledgementType,
    args: {
      breachId: t.arg.string({ required: true }),
      until: t.arg({ type: 'DateTime', required: true, description: 'Event time up to which it holds.' }),
      by: t.arg.string({ required: true, description: 'Who says so.' }),
      reason: t.arg.string({ required: true }),
    },
    description: 'Holds the workflows of an incident until a time, and lifts what they did to the kill switch.',
    resolve: (_root, said, context) => say('OVERRIDE', said, context),
  }),
}));
