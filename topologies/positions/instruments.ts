/**
 * Contract multipliers, looked up as of an event time. Rule: versions build up in offset order; one with the event time of an
 * earlier one replaces it, and one that only repeats the newest multiplier adds nothing (daily re-publication must not make a
 * row grow for ever). A tombstone forgets the instrument. At a time t the newest version with event time ≤ t holds; before the first
 * version the first one holds (descriptions are often published after the trades they describe); unknown instruments have 1.
 *
 * The currency is that of the version with the newest event time, whatever the time asked for: amounts of a position are running totals, and a
 * currency that was described wrongly was wrong from the beginning. A tombstone leaves it: what is held does not turn into dollars. Instruments
 * that were never described are in dollars.
 */

import { ONE } from '#schemas/decimal.ts';
import { DEFAULT_CURRENCY } from '#schemas/fx.ts';
import type { Instrument } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { DECIMAL, TIME } from '../kit/avro.ts';

type Version = Pick<Instrument, 'eventTime' | 'multiplier'>;

export interface InstrumentInfo {
  /** By event time, oldest first; empty after a tombstone. */
  readonly versions: readonly Version[];
  readonly currency: string;
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
            { name: 'eventTime', type: TIME },
            { name: 'multiplier', type: DECIMAL },
          ],
        },
      },
    },
    { name: 'currency', type: 'string' },
  ],
};

/** The info with one more version; the same object when that adds nothing. */
export function addVersion(
  info: InstrumentInfo | undefined,
  { eventTime, multiplier, currency }: Version & Pick<Instrument, 'currency'>,
): InstrumentInfo {
  const newest = info?.versions.at(-1);
  if (!info || !newest) return { versions: [{ eventTime, multiplier }], currency };
  const isNewest = eventTime >= newest.eventTime;
  if (isNewest && multiplier === newest.multiplier)
    return currency === info.currency ? info : { versions: info.versions, currency };
  const others = info.versions.filter((version) => version.eventTime !== eventTime);
  const versions = [...others, { eventTime, multiplier }].sort((a, b) => a.eventTime - b.eventTime);
  return { versions, currency: isNewest ? currency : info.currency };
}

/** After a tombstone. */
export const forgotten = ({ currency }: InstrumentInfo): InstrumentInfo => ({ versions: [], currency });

export function multiplierAt(info: InstrumentInfo | undefined, eventTime: number): bigint {
  const versions = info?.versions ?? [];
  return (versions.findLast((version) => version.eventTime <= eventTime) ?? versions[0])?.multiplier ?? ONE;
}

export const currencyOf = (info: InstrumentInfo | undefined): string => info?.currency ?? DEFAULT_CURRENCY;
