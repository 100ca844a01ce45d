/**
 * Contract multipliers, looked up as of an event time. Rule: versions build up in offset order; one with the event time of an
 * earlier one replaces it, and one that only repeats the newest multiplier adds nothing (daily re-publication must not make a
 * row grow for ever). A tombstone forgets the instrument. At a time t the newest version with event time ≤ t holds; before the first
 * version the first one holds (descriptions are often published after the trades they describe); unknown instruments have 1.
 */
import { ONE } from '#schemas/decimal.ts';
import type { Instrument } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';

export interface InstrumentInfo {
  /** By event time, oldest first; never empty. */
  readonly versions: readonly { readonly eventTime: number; readonly multiplier: bigint }[];
}

export const INSTRUMENT_INFO_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'InstrumentInfo',
  namespace: 'tidemark.positions',
  doc: 'What positions needs of reference.instruments; key instrument.',
  fields: [
    {
      name: 'versions',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'InstrumentVersion',
          fields: [
            { name: 'eventTime', type: { type: 'long', logicalType: 'timestamp-micros' } },
            { name: 'multiplier', type: { type: 'bytes', logicalType: 'decimal', precision: 38, scale: 9 } },
          ],
        },
      },
    },
  ],
};

/** The info with one more version; the same object when that adds nothing. */
export function addVersion(
  info: InstrumentInfo | undefined,
  { eventTime, multiplier }: Pick<Instrument, 'eventTime' | 'multiplier'>,
): InstrumentInfo {
  if (!info) return { versions: [{ eventTime, multiplier }] };
  const newest = info.versions.at(-1)!;
  if (eventTime >= newest.eventTime && multiplier === newest.multiplier) return info;
  const others = info.versions.filter((version) => version.eventTime !== eventTime);
  return { versions: [...others, { eventTime, multiplier }].sort((a, b) => a.eventTime - b.eventTime) };
}

export function multiplierAt(info: InstrumentInfo | undefined, eventTime: number): bigint {
  if (!info) return ONE;
  return (info.versions.findLast((version) => version.eventTime <= eventTime) ?? info.versions[0]!).multiplier;
}
