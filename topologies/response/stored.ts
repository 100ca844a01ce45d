/** What breach response keeps. */

import { AVRO } from '#schemas/avro.ts';
import type { RiskBreach, RiskControl } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { TIME } from '../kit/avro.ts';

/** A workflow that has taken an incident up. */
export interface StoredRun {
  readonly workflowId: string;
  /** Event time at which it did, microseconds: that of the record by which it came to answer the incident. */
  readonly since: number;
  /** The same by the clock, milliseconds. */
  readonly arrivedMs: number;
  /** Steps that were done. */
  readonly done: readonly string[];
  /** Steps whose setting of the kill switch an override has lifted: they are due again when it expires. */
  readonly lifted: readonly string[];
}
/** An incident; key breachId. */
export interface StoredIncident {
  /** Its newest record, and the offset of that. */
  readonly breach: RiskBreach;
  readonly offset: number;
  /** Event time since which the level is what it is, microseconds. */
  readonly levelSince: number;
  readonly isAcknowledged: boolean;
  /** Acknowledgements that were counted, by id. */
  readonly saidIds: readonly string[];
  /** Overrides so far. */
  readonly overrides: number;
  /** Event time until which steps wait, microseconds; null: there was no override. */
  readonly overrideUntil: number | null;
  /** The same by the clock, milliseconds. */
  readonly overrideEndMs: number | null;
  readonly runs: readonly StoredRun[];
}
/** What a person has set the kill switch of a portfolio to. */
export interface StoredSetting {
  readonly state: RiskControl['state'];
  readonly eventTime: number;
  readonly setBy: string;
  readonly reason: string;
}
/** What a step of a workflow wants the kill switch to be at least. */
export interface StoredHold {
  readonly breachId: string;
  readonly workflowId: string;
  readonly stepId: string;
  readonly state: RiskControl['state'];
}
/** Who wants what of the kill switch; key portfolio. */
export interface StoredSwitch {
  readonly person: StoredSetting | null;
  readonly holds: readonly StoredHold[];
}

const maybe = (type: unknown) => ['null', type];
const list = (items: unknown) => ({ type: 'array', items });
const record = (name: string, doc: string, fields: Readonly<Record<string, unknown>>) => ({
  type: 'record',
  name,
  namespace: 'tidemark.response',
  doc,
  fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })),
});

export const WORKFLOW_SCHEMA = AVRO['risk.workflows'];
export const INCIDENT_SCHEMA = record('StoredIncident', 'An incident and what is done about it; key breachId.', {
  breach: AVRO['risk.breaches'],
  offset: 'long',
  levelSince: TIME,
  isAcknowledged: 'boolean',
  saidIds: list('string'),
  overrides: 'int',
  overrideUntil: maybe(TIME),
  overrideEndMs: maybe('long'),
  runs: list(
    record('StoredRun', 'A workflow that has taken an incident up.', {
      workflowId: 'string',
      since: TIME,
      arrivedMs: 'long',
      done: list('string'),
      lifted: list('string'),
    }),
  ),
}) as AvroSchema;
export const SWITCH_SCHEMA = record('StoredSwitch', 'Who wants what of the kill switch; key portfolio.', {
  person: maybe(
    record('StoredSetting', 'What a person has set it to.', {
      state: 'string',
      eventTime: TIME,
      setBy: 'string',
      reason: 'string',
    }),
  ),
  holds: list(
    record('StoredHold', 'What a step of a workflow wants it to be at least.', {
      breachId: 'string',
      workflowId: 'string',
      stepId: 'string',
      state: 'string',
    }),
  ),
}) as AvroSchema;
