import { formatDecimal } from '#schemas/decimal.ts';
import type { AuditEntry } from '#schemas/generated/types.ts';
import type { AcceptedFill } from './fills.ts';
import type { Amended, ListedFill, PositionLedger } from './ledger-store.ts';

/** Totals of a position that an amendment moves. */
const TOTALS = [
  'quantity',
  'cost',
  'realizedPnl',
  'commission',
  'cashFlow',
] as const satisfies (keyof PositionLedger)[];

/** What the audit trail says of an amendment: the fill and its position's totals, before and after. */
export function auditEntry({ fill: amendment, ...source }: AcceptedFill, topic: string, amended: Amended): AuditEntry {
  const { fill, ledger } = amended;
  const effect = TOTALS.map((total) => [
    total,
    { before: formatDecimal(ledger.before[total]), after: formatDecimal(ledger.after[total]) },
  ]);
  return {
    eventTime: amendment.eventTime,
    portfolio: amendment.portfolio,
    instrument: amendment.instrument,
    subject: 'FILL',
    subjectId: amendment.fillId,
    action: amendment.action,
    before: fillText(fill.before),
    after: fill.after.cancelled ? null : fillText(fill.after),
    effect: JSON.stringify(Object.fromEntries(effect)),
    sourceTopic: topic,
    sourceEventTime: amendment.eventTime,
    sourcePartition: source.sourcePartition,
    sourceOffset: source.sourceOffset,
  };
}

function fillText({ eventTime, side, quantity, price, commission }: ListedFill): string {
  const amounts = { quantity: formatDecimal(quantity), price: formatDecimal(price) };
  return JSON.stringify({ eventTime, side, ...amounts, commission: formatDecimal(commission) });
}
