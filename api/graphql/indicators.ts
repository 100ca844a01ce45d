/** Indicators: as the stream has them, and any of the table over the bars that are kept. */
import { IndicatorSet } from '#quant/indicators/set.ts';
import { type IndicatorSpec, parseIndicator } from '#quant/indicators/spec.ts';
import { INDICATORS } from '#quant/indicators/table.ts';
import type { IndicatorDefinition, Parameter } from '#quant/indicators/types.ts';
import type { IndicatorValues } from '#schemas/generated/types.ts';
import type { BarRow } from '#sinks/postgres/read-market.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { badArgument, CONFLATE, checkConflate, requireLoaded } from './arguments.ts';
import { topicType } from './topic-type.ts';
import { builder } from './types.ts';

/** Bars of which PostgreSQL has all. */
const KEPT_INTERVALS = ['MINUTE', 'HOUR', 'DAY'] as const;
/** Bars that a history is calculated of: a history longer than this begins within it. */
const MAX_BARS = 50_000;
const MAX_POINTS = 10_000;
const DEFAULT_POINTS = 500;
const MAX_INDICATORS = 50;

const IndicatorValuesType = topicType<IndicatorValues>('market.indicators', 'IndicatorValues', {
  description: 'Indicators of an instrument as of its newest bar, as TIDEMARK_INDICATORS lists them.',
  items: { values: 'IndicatorValue' },
});

const ParameterType = builder.objectRef<Parameter>('IndicatorParameter').implement({
  description: 'A parameter of an indicator.',
  fields: (t) => ({
    name: t.exposeString('name'),
    default: t.exposeFloat('default'),
    min: t.exposeFloat('min', { description: 'Inclusive.' }),
    max: t.exposeFloat('max', { description: 'Inclusive.' }),
    isWhole: t.boolean({ description: 'Whole numbers only.', resolve: ({ isWhole }) => isWhole ?? true }),
  }),
});
const DefinitionType = builder.objectRef<IndicatorDefinition>('IndicatorDefinition').implement({
  description: 'An indicator that can be asked for.',
  fields: (t) => ({
    name: t.exposeString('name', { description: "TA-Lib's name." }),
    title: t.exposeString('title'),
    group: t.exposeString('group'),
    inputs: t.stringList({
      description: 'Series of a bar that it is calculated of. Empty: of one series, the close where no other is named.',
      resolve: (definition) => ('bars' in definition ? [...definition.inputs] : []),
    }),
    parameters: t.field({ type: [ParameterType], resolve: ({ parameters }) => [...parameters] }),
    outputs: t.stringList({ resolve: ({ outputs }) => [...outputs] }),
    lookback: t.int({
      description: 'Bars before the first value, with default parameters.',
      resolve: ({ lookback, parameters }) => lookback(parameters.map((parameter) => parameter.default)),
    }),
  }),
});

interface Point extends BarRow {
  readonly values: readonly (number | null)[];
}
interface History {
  readonly names: readonly string[];
  readonly points: readonly Point[];
}
const PointType = builder.objectRef<Point>('IndicatorPoint').implement({
  description: 'A final bar, and the indicators as of its end.',
  fields: (t) => ({
    startTime: t.expose('startTime', { type: 'DateTime', description: 'Beginning of the bar.' }),
    open: t.exposeFloat('open'),
    high: t.exposeFloat('high'),
    low: t.exposeFloat('low'),
    close: t.exposeFloat('close'),
    volume: t.exposeFloat('volume', { nullable: true }),
    values: t.field({
      type: t.listRef('Float', { nullable: true }),
      description: 'In the order of names; null where there are not bars enough.',
      resolve: ({ values }) => [...values],
    }),
  }),
});
const HistoryType = builder.objectRef<History>('IndicatorHistory').implement({
  description: 'Bars as they were traded, and indicators of them.',
  fields: (t) => ({
    names: t.stringList({ description: 'What the values are, e.g. MACD(12,26,9).macd.', resolve: (h) => [...h.names] }),
    points: t.field({ type: [PointType], description: 'Oldest first.', resolve: ({ points }) => [...points] }),
  }),
});

/** Indicators of all these bars, of which the newest are given. */
export function historyOf(specs: readonly IndicatorSpec[], bars: readonly BarRow[], last: number): History {
  const set = new IndicatorSet(specs);
  const points: Point[] = [];
  bars.forEach((bar, index) => {
    set.update(bar.open, bar.high, bar.low, bar.close, bar.volume ?? Number.NaN);
    if (index < bars.length - last) return;
    points.push({ ...bar, values: [...set.values].map((value) => (Number.isFinite(value) ? value : null)) });
  });
  return { names: set.names, points };
}

function specsOf(texts: readonly string[]): IndicatorSpec[] {
  if (texts.length > MAX_INDICATORS) throw badArgument(`At most ${MAX_INDICATORS} indicators may be asked for at once`);
  try {
    return texts.map(parseIndicator);
  } catch (error) {
    throw error instanceof TidemarkError ? badArgument(error.message) : error;
  }
}

builder.queryFields((t) => ({
  indicatorTable: t.field({
    type: [DefinitionType],
    description: 'Every indicator there is.',
    resolve: () => [...INDICATORS],
  }),
  indicators: t.field({
    type: [IndicatorValuesType],
    args: { instrument: t.arg.string({ description: 'All instruments when null.' }) },
    description: 'The newest indicators, one for each instrument and length of bars.',
    resolve: (_root, { instrument }, context) => {
      requireLoaded(context);
      return [...context.views.indicators.values(instrument ?? null)];
    },
  }),
  indicatorHistory: t.field({
    type: HistoryType,
    args: {
      instrument: t.arg.string({ required: true }),
      indicators: t.arg.stringList({
        required: true,
        description: `Any of indicatorTable with any parameters, e.g. "RSI(14)", "EMA(20;high)"; at most ${MAX_INDICATORS}.`,
      }),
      interval: t.arg.string({ defaultValue: 'DAY', description: `${KEPT_INTERVALS.join(', ')}: length of the bars.` }),
      to: t.arg({ type: 'DateTime', description: 'Bars that begin then or before; open when not given.' }),
      last: t.arg.int({ defaultValue: DEFAULT_POINTS, description: `The newest of them, 1 to ${MAX_POINTS}.` }),
    },
    description: `Indicators over final bars, calculated of all of them, or of the newest ${MAX_BARS}.`,
    resolve: async (_root, { instrument, indicators, interval, to, last }, { store }) => {
      const length = KEPT_INTERVALS.find((known) => known === (interval ?? 'DAY'));
      if (!length) throw badArgument(`interval must be one of ${KEPT_INTERVALS.join(', ')}, not "${interval}"`);
      const points = last ?? DEFAULT_POINTS;
      if (points < 1 || points > MAX_POINTS) throw badArgument(`last must be from 1 to ${MAX_POINTS}, not ${points}`);
      const specs = specsOf(indicators);
      return historyOf(specs, await store.bars(instrument, length, to ?? null, MAX_BARS), points);
    },
  }),
}));

builder.subscriptionField('indicators', (t) =>
  t.field({
    type: IndicatorValuesType,
    description: 'Indicators of some instruments, or of all when instruments is null.',
    args: {
      instruments: t.arg.stringList(),
      conflateMs: t.arg.int({ defaultValue: 0, description: CONFLATE }),
    },
    subscribe: (_root, { instruments, conflateMs }, context) => {
      requireLoaded(context);
      return context.views.indicators.subscribe(instruments ?? null, checkConflate(conflateMs));
    },
    resolve: (value) => value,
  }),
);
