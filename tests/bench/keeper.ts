import type { AvroSchema } from '#streams/kit/avro.ts';
import type { StreamRecord, TopologyDefinition } from '#streams/topology/types.ts';

/** A value to keep; or a question for what is kept, which changes nothing. */
export interface Entry {
  readonly payload: Buffer;
  readonly isProbe: boolean;
}
export const ENTRY: AvroSchema = {
  type: 'record',
  name: 'BenchEntry',
  fields: [
    { name: 'payload', type: 'bytes' },
    { name: 'isProbe', type: 'boolean' },
  ],
};

interface Kept {
  readonly updates: number;
  readonly payload: Buffer;
}
const KEPT: AvroSchema = {
  type: 'record',
  name: 'BenchKept',
  fields: [
    { name: 'updates', type: 'long' },
    { name: 'payload', type: 'bytes' },
  ],
};
/** Of a row: the topology's version, the updates and the length of the payload, which take a byte or two each. */
const ROW_OVERHEAD_BYTES = 4;
export const PAYLOAD_BYTES = 100 - ROW_OVERHEAD_BYTES;

/** What one partition holds. */
export interface Holding {
  readonly keys: number;
  readonly updates: number;
}
export const HOLDING: AvroSchema = {
  type: 'record',
  name: 'BenchHolding',
  fields: [
    { name: 'keys', type: 'long' },
    { name: 'updates', type: 'long' },
  ],
};

export const PULSE: AvroSchema = { type: 'record', name: 'BenchPulse', fields: [{ name: 'number', type: 'long' }] };

export interface KeeperOptions {
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly pulses: string;
  readonly onRecord: () => void;
  readonly onPulse: () => void;
}

/**
 * Keeps a row of 100 bytes per key, and says on request how many there are and how often they were written. Beside it,
 * in tasks of their own, pulses go from one topic to another without state.
 */
export function keeperJob({ name, input, output, pulses, onRecord, onPulse }: KeeperOptions): TopologyDefinition {
  return {
    name,
    version: 1,
    sources: { entries: { topic: input, value: ENTRY }, pulses: { topic: pulses, value: PULSE } },
    processors: {
      keep: {
        inputs: ['entries'],
        stores: ['kept'],
        create: (context) => {
          const kept = context.store<Kept>('kept');
          return {
            process: ({ key, value, timestampMs }: StreamRecord<Entry>) => {
              onRecord();
              if (!value.isProbe) {
                kept.put(key!, { updates: (kept.get(key!)?.updates ?? 0) + 1, payload: value.payload });
                return;
              }
              let updates = 0;
              for (const [, row] of kept.entries()) updates += row.updates;
              context.forward('holdings', key, { keys: kept.size, updates }, timestampMs);
            },
          };
        },
      },
      beat: {
        inputs: ['pulses'],
        create: (context) => ({
          process: ({ key, value, timestampMs }: StreamRecord) => {
            onPulse();
            context.forward('beats', key, value, timestampMs);
          },
        }),
      },
    },
    stores: { kept: { value: KEPT } },
    sinks: {
      holdings: { inputs: ['keep'], topic: output, value: HOLDING },
      beats: { inputs: ['beat'], topic: `${output}.beats`, value: PULSE },
    },
  };
}
