/** Models: what they say of themselves, which of them counts, and what happened to them. */
import { AVRO } from '#schemas/avro.ts';
import type { MlEvent } from '#schemas/generated/types.ts';
import type { ModelRow } from '#sinks/postgres/read-models.ts';
import { badArgument, LAST, requireLoaded, rowsOf } from './arguments.ts';
import { topicType } from './topic-type.ts';
import { builder } from './types.ts';

/** What ml/train/metadata.py writes, as far as the API shows it. */
interface Metadata {
  readonly features: string[];
  readonly outputs: string[];
  readonly missing: string;
  readonly training: {
    readonly from: number;
    readonly to: number;
    readonly labelsUntil: number;
    readonly rows: number;
  };
  readonly dataSha256: string;
  readonly label: string;
  readonly metrics: Readonly<Record<'inSample' | 'outOfSample', Readonly<Record<string, number>>>>;
  readonly calibration: { readonly method: string; readonly rows: number; readonly error: number | null };
  readonly packages: Readonly<Record<string, string>>;
  readonly seed: number;
  readonly madeAt: number;
}
interface Model {
  readonly row: ModelRow;
  readonly said: Metadata;
}
type Named<T> = { readonly name: string; readonly value: T };
const named = <T>(values: Readonly<Record<string, T>>): Named<T>[] =>
  Object.entries(values).map(([name, value]) => ({ name, value }));

const MlEventType = topicType<MlEvent>('ml.events', 'MlEvent', {
  description: "A step in a model's life, or what happened to it.",
  items: { figures: 'MlFigure' },
  without: ['metadata'],
});
const MetricType = builder.objectRef<Named<number>>('ModelMetric').implement({
  description: 'A metric of a model.',
  fields: (t) => ({ name: t.exposeString('name'), value: t.exposeFloat('value') }),
});
const PackageType = builder.objectRef<Named<string>>('ModelPackage').implement({
  description: 'A package that trained a model.',
  fields: (t) => ({ name: t.exposeString('name'), version: t.exposeString('value') }),
});
const TrainingType = builder.objectRef<Metadata['training']>('ModelTraining').implement({
  description: 'What a model was trained on.',
  fields: (t) => ({
    from: t.expose('from', { type: 'DateTime', description: 'Event time of the first row.' }),
    to: t.expose('to', { type: 'DateTime', description: 'Event time of the last row.' }),
    labelsUntil: t.expose('labelsUntil', {
      type: 'DateTime',
      description: 'The last event time that a label looked at: what comes later is out of sample.',
    }),
    rows: t.exposeFloat('rows'),
  }),
});
const CalibrationType = builder.objectRef<Metadata['calibration']>('ModelCalibration').implement({
  description: 'How scores were made into probabilities.',
  fields: (t) => ({
    method: t.exposeString('method', { description: 'none, or what was done.' }),
    rows: t.exposeFloat('rows', { description: 'Rows that it was fitted on.' }),
    error: t.exposeFloat('error', { nullable: true, description: 'Expected calibration error out of sample, 0 to 1.' }),
  }),
});
const ModelType = builder.objectRef<Model>('Model').implement({
  description: 'A version of a model, with what it says of itself.',
  fields: (t) => ({
    name: t.string({ resolve: ({ row }) => row.model }),
    version: t.string({
      description: "The first 12 hexadecimal digits of its file's SHA-256.",
      resolve: ({ row }) => row.version,
    }),
    stage: t.string({
      description: 'CANDIDATE, SHADOW (scores for comparison only), CHAMPION (its scores count) or RETIRED.',
      resolve: ({ row }) => row.toStage,
    }),
    since: t.field({ type: 'DateTime', description: 'When the stage began.', resolve: ({ row }) => row.eventTime }),
    event: t.field({ type: MlEventType, description: 'What brought it there.', resolve: ({ row }) => row }),
    features: t.stringList({ description: 'In the order of the input.', resolve: ({ said }) => said.features }),
    outputs: t.stringList({ description: 'In the order of the output.', resolve: ({ said }) => said.outputs }),
    missing: t.string({
      description: 'What is done with a row that lacks a feature: refused, or learned.',
      resolve: ({ said }) => said.missing,
    }),
    label: t.string({ description: 'What it was taught.', resolve: ({ said }) => said.label }),
    training: t.field({ type: TrainingType, resolve: ({ said }) => said.training }),
    dataSha256: t.string({ description: 'Of the training data.', resolve: ({ said }) => said.dataSha256 }),
    inSample: t.field({
      type: [MetricType],
      description: 'Metrics on what it was trained on.',
      resolve: ({ said }) => named(said.metrics.inSample),
    }),
    outOfSample: t.field({
      type: [MetricType],
      description: 'Metrics on what it was not trained on.',
      resolve: ({ said }) => named(said.metrics.outOfSample),
    }),
    calibration: t.field({ type: CalibrationType, resolve: ({ said }) => said.calibration }),
    packages: t.field({ type: [PackageType], resolve: ({ said }) => named(said.packages) }),
    seed: t.float({ resolve: ({ said }) => said.seed }),
    madeAt: t.field({ type: 'DateTime', description: 'Wall clock.', resolve: ({ said }) => said.madeAt }),
  }),
});

const STAGES = (AVRO['ml.events'].fields as unknown as { name: string; type: [null, { symbols: string[] }] }[]).find(
  ({ name }) => name === 'toStage',
)!.type[1].symbols;

builder.queryFields((t) => ({
  models: t.field({
    type: [ModelType],
    args: {
      name: t.arg.string({ description: 'All models when null.' }),
      stage: t.arg.string({ description: `${STAGES.join(', ')}; all when null.` }),
    },
    description: 'Versions of models, by name, the newest stage first.',
    resolve: async (_root, { name, stage }, { store }) => {
      if (stage != null && !STAGES.includes(stage))
        throw badArgument(`stage must be ${STAGES.join(' or ')}, not "${stage}"`);
      const rows = (await store.models(name ?? null)).filter(({ toStage }) => stage == null || toStage === stage);
      return rows.map((row) => ({ row, said: JSON.parse(row.metadata) as Metadata }));
    },
  }),
  mlEvents: t.field({
    type: [MlEventType],
    args: { model: t.arg.string({ description: 'All models when null.' }), last: t.arg.int(LAST) },
    description: 'What happened to models, newest first.',
    resolve: (_root, { model, last }, { store }) => store.mlEvents(model ?? null, rowsOf(last)),
  }),
}));

builder.subscriptionField('mlEvents', (t) =>
  t.field({
    type: MlEventType,
    args: { model: t.arg.string({ description: 'All models when null.' }) },
    description: 'What happens to models: first the newest of each version.',
    subscribe: (_root, { model }, context) => {
      requireLoaded(context);
      return context.views.mlEvents.subscribe(model == null ? null : [model]);
    },
    resolve: (value) => value,
  }),
);
