/** What is sent, and what is written down of it. */
import { createHash } from 'node:crypto';
import type { RiskAction, RiskNotification } from '#schemas/generated/types.ts';

/** True for what is to be delivered. */
export const isNotification = ({ kind, status }: RiskAction): boolean =>
  (kind === 'NOTIFY' || kind === 'ESCALATE') && status === 'PENDING';

const OF_DELIVERY = ':delivery';
/** The notification that an outcome is of; null: it is none. */
export const deliveryOf = ({ kind, actionId }: RiskAction): string | null =>
  (kind === 'DELIVERED' || kind === 'DELIVERY_FAILED') && actionId.endsWith(OF_DELIVERY)
    ? actionId.slice(0, -OF_DELIVERY.length)
    : null;

/** The record of a topic. */
export function notificationOf(action: RiskAction): RiskNotification {
  const { eventTime, portfolio, actionId, breachId, limitId, type, severity, level, value, threshold } = action;
  return {
    ...{ eventTime, portfolio, actionId, breachId },
    workflowId: action.workflowId ?? '',
    stepId: action.stepId ?? '',
    kind: action.kind === 'ESCALATE' ? 'ESCALATE' : 'NOTIFY',
    subject: action.subject ?? '',
    body: action.body ?? '',
    ...{ limitId, type, severity, level, value, threshold },
    utilisation: action.utilisation,
    sourceTopic: action.sourceTopic,
    sourceEventTime: action.sourceEventTime,
  };
}

/** The body of a webhook: the notification with times as ISO 8601 and its evidence. */
export function webhookBody(action: RiskAction): string {
  const { eventTime, sourceEventTime, ...rest } = notificationOf(action);
  const { evidence } = action;
  return JSON.stringify({ eventTime: iso(eventTime), ...rest, evidence, sourceEventTime: iso(sourceEventTime) });
}

/** The same for the same action: mail programs show one of two. */
export function messageId({ actionId }: RiskAction, from: string): string {
  const domain = /@([^\s@<>]+)>?\s*$/.exec(from)?.[1] ?? 'tidemark.invalid';
  return `<${createHash('sha256').update(actionId).digest('hex').slice(0, 40)}@${domain}>`;
}

/** As a header can carry it: what is not ASCII is percent-encoded. */
export const idempotencyKey = ({ actionId }: RiskAction): string =>
  /^[\x21-\x7e]+$/.test(actionId) ? actionId : encodeURIComponent(actionId);

/** Whom deliveries of one kind have in common: one that is down holds up no other. */
export function laneOf({ channel, target }: RiskAction): string {
  if (channel !== 'WEBHOOK') return channel === 'TOPIC' ? `TOPIC ${target}` : String(channel);
  return `WEBHOOK ${URL.canParse(target ?? '') ? new URL(target!).origin : ''}`;
}

/** What came of a notification, as it is written to risk.actions. */
export function outcomeOf(action: RiskAction, isDelivered: boolean, attempt: number, reason: string): RiskAction {
  return {
    ...action,
    actionId: `${action.actionId}${OF_DELIVERY}`,
    kind: isDelivered ? 'DELIVERED' : 'DELIVERY_FAILED',
    status: isDelivered ? 'DONE' : 'FAILED',
    subject: null,
    body: null,
    attempt,
    reason,
    evidence: [],
    sourceTopic: 'risk.actions',
    sourceEventTime: action.eventTime,
  };
}

const iso = (micros: number) => (Math.abs(micros) <= 8.64e18 ? new Date(micros / 1000).toISOString() : String(micros));
