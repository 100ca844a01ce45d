import { formatDecimal } from '#schemas/decimal.ts';
import type { AuditEntry } from '#schemas/generated/types.ts';
import type { ActionChange, StoredAction } from '../kit/corporate-actions.ts';
import type { AcceptedFill } from './fills.ts';
import type { Amended, LedgerChange, ListedFill, PositionLedger } from './ledger-store.ts';

/** Totals of a position that an amendment or a corporate action moves. */
const TOTALS = [
  'quantity',
  'cost',
  'realizedPnl',
  'commission',
  'cashFlow',
  'dividends',
] as const satisfies (keyof PositionLedger)[];

/** What the audit trail says of an amendment: the fill and its position's totals, before and after. */
export function auditEntry({ fill: amendment, ...source }: AcceptedFill, topic: string, amended: Amended): AuditEntry {
  const { fill, ledger } = amended;
  return {
    eventTime: amendment.eventTime,
    portfolio: amendment.portfolio,
    instrument: amendment.instrument,
    subject: 'FILL',
    subjectId: amendment.fillId,
    action: amendment.action,
    before: fillText(fill.before),
    after: fill.after.cancelled ? null : fillText(fill.after),
    effect: effectText(ledger),
    sourceTopic: topic,
    sourceEventTime: amendment.eventTime,
    sourcePartition: source.sourcePartition,
    sourceOffset: source.sourceOffset,
  };
}

/** What the audit trail says of a corporate action that moved a position: the action and the totals, before and after. */
export function actionEntry(
  key: string,
  topic: string,
  { before, after, actionId, eventTime, sourcePartition, sourceOffset }: ActionChange,
  ledger: LedgerChange,
): AuditEntry {
  const slash = key.indexOf('/');
  return {
    // One that was known before it is in effect changes the position then.
    eventTime: Math.max(eventTime, after?.exTime ?? 0),
    portfolio: key.slice(0, slash),
    instrument: key.slice(slash + 1),
    subject: 'CORPORATE_ACTION',
    subjectId: actionId,
    action: after === null ? 'CANCEL' : before === null ? 'APPLY' : 'CORRECT',
    before: before && actionText(before),
    after: after && actionText(after),
    effect: effectText(ledger),
    sourceTopic: topic,
    sourceEventTime: eventTime,
    sourcePartition,
    sourceOffset,
  };
}

function effectText({ before, after }: LedgerChange): string {
  const effect = TOTALS.map((total) => [
    total,
    { before: formatDecimal(before[total]), after: formatDecimal(after[total]) },
  ]);
  return JSON.stringify(Object.fromEntries(effect));
}

function actionText({ type, exTime, newUnits, oldUnits, amount }: StoredAction): string {
  const text = (value: bigint | null) => (value === null ? undefined : formatDecimal(value));
  return JSON.stringify({ type, exTime, newUnits: text(newUnits), oldUnits: text(oldUnits), amount: text(amount) });
}

function fillText({ eventTime, side, quantity, price, commission }: ListedFill): string {
  const amounts = { quantity: formatDecimal(quantity), price: formatDecimal(price) };
  return JSON.stringify({ eventTime, side, ...amounts, commission: formatDecimal(commission) });
}
