/** Market regimes: what the newest day of an instrument is, what days were, and how long each lasted. */
import type { MarketRegime } from '#schemas/generated/types.ts';
import type { RegimeSpan } from '#sinks/postgres/read-market.ts';
import { badArgument, CONFLATE, checkConflate, requireLoaded } from './arguments.ts';
import { topicType } from './topic-type.ts';
import { builder } from './types.ts';

const MAX_DAYS = 20_000;
const DEFAULT_DAYS = 250;

const RegimeType = topicType<MarketRegime>('market.regimes', 'MarketRegime', {
  description:
    'The regime of an instrument on one day, as far as it could be known at its end. docs/regimes.md says what each means.',
  items: { probabilities: 'RegimeProbability', voters: 'RegimeVoter' },
});

const SpanType = builder.objectRef<RegimeSpan>('RegimeSpan').implement({
  description: 'Days that follow each other with one regime.',
  fields: (t) => ({
    regime: t.exposeString('regime'),
    from: t.exposeString('from', { description: 'First day, ISO 8601.' }),
    to: t.exposeString('to', { description: 'Last day, in it.' }),
    days: t.exposeInt('days', { description: 'Trading days.' }),
  }),
});

/** Throws BAD_ARGUMENT for what is no date of the calendar. */
function checkDate(name: string, date: string | null | undefined): string | null {
  if (date == null) return null;
  const parsed = new Date(`${date}T00:00:00Z`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date) || Number.isNaN(parsed.getTime()) || parsed.toISOString().slice(0, 10) !== date)
    throw badArgument(`${name} must be a date like 2008-10-10, not "${date}"`);
  return date;
}

builder.queryFields((t) => ({
  regime: t.field({
    type: [RegimeType],
    args: { instrument: t.arg.string({ description: 'All instruments when null; SP500 is the market.' }) },
    description: 'The newest day of each instrument. Empty before it has 250 daily returns.',
    resolve: (_root, { instrument }, context) => {
      requireLoaded(context);
      return [...context.views.regimes.values(instrument ?? null)];
    },
  }),
  regimeHistory: t.field({
    type: [RegimeType],
    args: {
      instrument: t.arg.string({ required: true }),
      from: t.arg.string({ description: 'First day, ISO 8601; open when not given.' }),
      to: t.arg.string({ description: 'Last day, in it; open when not given.' }),
      last: t.arg.int({ defaultValue: DEFAULT_DAYS, description: `The newest of them, 1 to ${MAX_DAYS}.` }),
    },
    description: 'Days of an instrument as they are known now, oldest first.',
    resolve: (_root, { instrument, from, to, last }, { store }) => {
      const [first, end] = [checkDate('from', from), checkDate('to', to)];
      if (first !== null && end !== null && first > end) throw badArgument('from must not be later than to');
      const days = last ?? DEFAULT_DAYS;
      if (days < 1 || days > MAX_DAYS) throw badArgument(`last must be from 1 to ${MAX_DAYS}, not ${days}`);
      return store.regimeHistory(instrument, first, end, days);
    },
  }),
  regimeSpans: t.field({
    type: [SpanType],
    args: { instrument: t.arg.string({ required: true }) },
    description: 'All regimes of an instrument, one after the other.',
    resolve: (_root, { instrument }, { store }) => store.regimeSpans(instrument),
  }),
}));

builder.subscriptionField('regime', (t) =>
  t.field({
    type: RegimeType,
    description: 'The newest day of some instruments, or of all when instruments is null.',
    args: {
      instruments: t.arg.stringList(),
      conflateMs: t.arg.int({ defaultValue: 0, description: CONFLATE }),
    },
    subscribe: (_root, { instruments, conflateMs }, context) => {
      requireLoaded(context);
      return context.views.regimes.subscribe(instruments ?? null, checkConflate(conflateMs));
    },
    resolve: (value) => value,
  }),
);
