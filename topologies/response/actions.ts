import type { RiskAction } from '#schemas/generated/types.ts';
import type { ProcessorContext } from '#streams/topology/types.ts';
import type { StoredIncident } from './stored.ts';

type Own = 'workflowId' | 'stepId' | 'status' | 'channel' | 'target' | 'subject' | 'body' | 'by' | 'reason' | 'until';
/** What an action says beside the incident that it is about. */
export type Said = Pick<RiskAction, 'actionId' | 'kind'> & Partial<Pick<RiskAction, Own>>;
/** The record that caused it, where that is not the newest of the incident. */
export interface Source {
  readonly topic: string;
  readonly eventTime: number;
  readonly offset: number;
}

/** Writes what was done: to risk.actions, and what touches the kill switch or a workflow to the audit trail too. */
export class Actions {
  readonly #context: ProcessorContext;
  readonly #breachesTopic: string;

  constructor(context: ProcessorContext, breachesTopic: string) {
    this.#context = context;
    this.#breachesTopic = breachesTopic;
  }

  write(incident: StoredIncident, eventTime: number, said: Said, from: Source = this.#newest(incident)): void {
    const { portfolio, breachId, limitId, type, severity, level, value, threshold, utilisation, evidence } =
      incident.breach;
    const action: RiskAction = {
      workflowId: null,
      stepId: null,
      status: 'DONE',
      channel: null,
      target: null,
      subject: null,
      body: null,
      attempt: 0,
      by: null,
      reason: null,
      until: null,
      ...said,
      eventTime,
      portfolio,
      breachId,
      limitId,
      type,
      severity,
      level,
      value,
      threshold,
      utilisation,
      evidence,
      sourceTopic: from.topic,
      sourceEventTime: from.eventTime,
    };
    this.#context.count(said.kind.toLowerCase().replaceAll('_', '-'));
    this.#context.forward('to-actions', portfolio, action, Math.floor(eventTime / 1000));
  }

  audit(
    incident: StoredIncident,
    eventTime: number,
    action: string,
    after: Readonly<Record<string, unknown>>,
    before: Readonly<Record<string, unknown>> | null,
    from: Source = this.#newest(incident),
  ): void {
    const { portfolio, breachId } = incident.breach;
    const entry = {
      eventTime,
      portfolio,
      instrument: null,
      subject: 'CONTROL',
      subjectId: breachId,
      action,
      before: before && JSON.stringify(before),
      after: JSON.stringify(after),
      effect: null,
      sourceTopic: from.topic,
      sourceEventTime: from.eventTime,
      sourcePartition: this.#context.partition,
      sourceOffset: from.offset,
    };
    this.#context.forward('to-audit', portfolio, entry, Math.floor(eventTime / 1000));
  }

  #newest({ breach, offset }: StoredIncident): Source {
    return { topic: this.#breachesTopic, eventTime: breach.eventTime, offset };
  }
}
