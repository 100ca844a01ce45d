import type { AvroSchema } from '#streams/kit/avro.ts';
import { TIME } from '../kit/avro.ts';
import type { Histories } from '../kit/histories.ts';

/** What a portfolio held at the end of a UTC day that is over, waiting for that day's returns. */
export interface Closing {
  /** UTC day since 1970. */
  readonly day: number;
  readonly equity: number | null;
  /** Ascending; with what was held of each in base currency, NaN without a mark or a rate. */
  readonly instruments: readonly string[];
  readonly amounts: readonly number[];
  /** Other currencies than the base currency that anything was in, by code. */
  readonly foreign: readonly string[];
  readonly sourceTopic: string;
  /** Microseconds. */
  readonly sourceEventTime: number;
}
export interface Closings {
  /** Oldest first. */
  readonly closings: readonly Closing[];
}

export const CLOSINGS_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'Closings',
  namespace: 'tidemark.risk',
  doc: 'Days that are over and not yet measured; key portfolio.',
  fields: [
    {
      name: 'closings',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'Closing',
          fields: [
            { name: 'day', type: 'int' },
            { name: 'equity', type: ['null', 'double'] },
            { name: 'instruments', type: { type: 'array', items: 'string' } },
            { name: 'amounts', type: { type: 'array', items: 'double' } },
            { name: 'foreign', type: { type: 'array', items: 'string' } },
            { name: 'sourceTopic', type: 'string' },
            { name: 'sourceEventTime', type: TIME },
          ],
        },
      },
    },
  ],
};

/**
 * Days that wait at most: then the oldest is measured with the history there is. A replay at full speed is that far ahead of the bars; live it
 * is a month of a portfolio that holds nothing with a history.
 */
export const MOST_WAITING = 30;
/** An instrument without a return on so many days before has stopped trading, and nothing is waited for. */
const SILENT_DAYS = 7;

/**
 * How many of the oldest closings can be measured now: those whose day's returns are there, for every instrument that still trades. Live,
 * the topic of returns is written by another process, and the first tick of a day may come before the return of the last.
 * `today`: the UTC day at whose beginning is asked.
 */
export function measurable(closings: readonly Closing[], histories: Histories, today: number): number {
  const overdue = closings.length - MOST_WAITING;
  const waiting = closings.findIndex((closing, index) => index >= overdue && !isComplete(closing, histories, today));
  return waiting === -1 ? closings.length : waiting;
}

function isComplete({ day, instruments }: Closing, histories: Histories, today: number): boolean {
  const missing = instruments.filter((instrument) => !histories.has(instrument, day, day, today));
  if (missing.length < instruments.length || instruments.length === 0)
    return missing.every((instrument) => !histories.has(instrument, day - SILENT_DAYS, day - 1, today));
  // Nobody has one: if a later day is known, this was no trading day; else its returns have not come.
  return instruments.some((instrument) => histories.has(instrument, day + 1, today - 1, today));
}
