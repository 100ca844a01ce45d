import type { AvroSchema } from '#streams/kit/avro.ts';
import { TIME } from '../kit/avro.ts';
import type { Placed } from '../kit/journal.ts';

/** A final bar by its beginning; key instrument/interval/place, where places are used again. */
export interface KeptBar extends Placed {
  readonly endTime: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number | null;
}
export const KEPT_BAR_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'KeptBar',
  namespace: 'tidemark.indicators',
  doc: 'A final bar by its beginning; key instrument/interval/place.',
  fields: [
    { name: 'number', type: 'long' },
    { name: 'time', type: TIME },
    { name: 'revision', type: 'int' },
    { name: 'endTime', type: TIME },
    { name: 'open', type: 'double' },
    { name: 'high', type: 'double' },
    { name: 'low', type: 'double' },
    { name: 'close', type: 'double' },
    { name: 'volume', type: ['null', 'double'] },
  ],
};
