/** Versions of models, and what happened to them. */
import type { MlEvent } from '#schemas/generated/types.ts';
import { fieldsOf, type Queries } from './query.ts';

/** The newest change of stage of a version. */
export type ModelRow = MlEvent & { readonly version: string; readonly toStage: string; readonly metadata: string };

export interface ModelStore {
  /** Of one model or of all (null): by name, the newest stage first. */
  models(name: string | null): Promise<ModelRow[]>;
  /** Newest first, of one model or of all (null). */
  mlEvents(name: string | null, limit: number): Promise<MlEvent[]>;
}

const MODELS_SQL = `
  select ${fieldsOf('ml.events')} from models where $1::text is null or model = $1
  order by model, event_time desc, record_offset desc`;
const EVENTS_SQL = `
  select ${fieldsOf('ml.events')} from ml_events where $1::text is null or model = $1
  order by event_time desc, record_partition, record_offset desc limit $2`;

export const modelQueries = ({ rows }: Pick<Queries, 'rows'>): ModelStore => ({
  models: (name) => rows<ModelRow>(MODELS_SQL, [name]),
  mlEvents: (name, limit) => rows<MlEvent>(EVENTS_SQL, [name, limit]),
});
