/** Where the predictions of a model are, and what of them the keeper looks at. */
import type { LivePrediction } from '#ml/life/limit-days.ts';
import { AVRO } from '#schemas/avro.ts';
import { type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import type { PredictionSource } from './keeper-client.ts';

const TOPIC = 'risk.predictions';

/** Null: what the model says is in no topic. */
export async function predictionSource(model: string, registry: SchemaRegistry): Promise<PredictionSource | null> {
  const schema = (AVRO as Readonly<Record<string, (typeof AVRO)['ml.events']>>)[TOPIC];
  if (model !== 'breach' || schema === undefined) return null;
  return { topic: TOPIC, serde: await topicSerde(registry, TOPIC, schema), predictionOf };
}

/** What of a record of risk.predictions is looked at. */
interface PredictionRecord {
  readonly eventTime: number;
  readonly portfolio: string;
  readonly limitId: string;
  /** Null: it was said without a model. */
  readonly modelVersion: string | null;
  readonly probability1: number | null;
  readonly probability5: number | null;
  readonly probability20: number | null;
  readonly shadowVersion: string | null;
  readonly shadow1: number | null;
  readonly shadow5: number | null;
  readonly shadow20: number | null;
}

function predictionOf(value: unknown): LivePrediction {
  const record = value as PredictionRecord;
  const { eventTime, portfolio, limitId, modelVersion, shadowVersion } = record;
  const scores = numbers([record.probability1, record.probability5, record.probability20]);
  const shadow = numbers([record.shadow1, record.shadow5, record.shadow20]);
  return {
    ...{ eventTime, portfolio, limitId, scores: scores ?? [] },
    version: scores ? modelVersion : null,
    shadow: shadowVersion !== null && shadow ? { version: shadowVersion, scores: shadow } : null,
  };
}

/** Null where one is missing. */
function numbers(values: readonly (number | null)[]): number[] | null {
  const known = values.filter((value) => value !== null);
  return known.length === values.length ? known : null;
}
