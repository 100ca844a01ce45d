import type { DatedModels } from '#ml/model/dated.ts';
import { AVRO } from '#schemas/avro.ts';
import { TOPICS } from '#schemas/topics.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { KEPT_STATE_SCHEMA } from '../kit/journal.ts';
import { RegimeNamer } from './namer.ts';
import { KEPT_RETURN_SCHEMA } from './stored.ts';

const RETURNS = TOPICS['market.returns'].name;
const REGIMES = TOPICS['market.regimes'].name;

export interface RegimeSettings {
  /** Classifiers by the day up to which they were trained; null: the other voters go on without. */
  readonly models?: DatedModels | null;
  /** Told why a classifier is not heard. */
  readonly onFailure?: (reason: string) => void;
}

/** The regime of every instrument's days (quant/regimes/ensemble.ts). */
export const regimes = ({ models = null, onFailure = () => {} }: RegimeSettings = {}): TopologyDefinition => ({
  name: 'regimes',
  version: 1,
  sources: { returns: { topic: RETURNS, value: AVRO[RETURNS], onPoison: 'DEAD_LETTER' } },
  processors: {
    name: {
      inputs: ['returns'],
      stores: ['kept-returns', 'kept-states'],
      create: (context) => new RegimeNamer(context, RETURNS, models, onFailure),
    },
  },
  stores: { 'kept-returns': { value: KEPT_RETURN_SCHEMA }, 'kept-states': { value: KEPT_STATE_SCHEMA } },
  sinks: {
    'to-regimes': {
      inputs: ['name'],
      topic: REGIMES,
      value: AVRO[REGIMES],
      partitionKey: (key) => key.slice(0, key.indexOf('/')),
    },
  },
});
