/** Corporate actions of an instrument, as who applies them keeps them: what was said last of each. */

import type { CorporateAction } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import type { StreamRecord } from '#streams/topology/types.ts';
import { DECIMAL, TIME } from './avro.ts';

/** An action as it was said last, and where its record is. */
export interface StoredAction extends Omit<CorporateAction, 'instrument' | 'source'> {
  readonly sourcePartition: number;
  readonly sourceOffset: number;
}

/** Avro of a list of them. */
export const STORED_ACTIONS: AvroSchema = {
  type: 'array',
  items: {
    type: 'record',
    name: 'StoredAction',
    fields: [
      { name: 'actionId', type: 'string' },
      { name: 'type', type: { type: 'enum', name: 'StoredActionType', symbols: ['SPLIT', 'CASH_DIVIDEND'] } },
      { name: 'eventTime', type: TIME },
      { name: 'exTime', type: TIME },
      { name: 'newUnits', type: ['null', DECIMAL] },
      { name: 'oldUnits', type: ['null', DECIMAL] },
      { name: 'amount', type: ['null', DECIMAL] },
      { name: 'sourcePartition', type: 'int' },
      { name: 'sourceOffset', type: 'long' },
    ],
  },
};

function storedAction(action: CorporateAction, sourcePartition: number, sourceOffset: number): StoredAction {
  const { instrument: _, source: __, ...terms } = action;
  return { ...terms, sourcePartition, sourceOffset };
}

/** What was said of an action, and what was known before: where its record is is that of the record that said it. */
export interface ActionChange {
  /** Null where it is new. */
  readonly before: StoredAction | null;
  /** Null where it is taken back. */
  readonly after: StoredAction | null;
  readonly actionId: string;
  /** Of the record. */
  readonly eventTime: number;
  readonly sourcePartition: number;
  readonly sourceOffset: number;
}

/** The instrument of a sound key instrument/action. */
export const instrumentOf = (key: string): string => key.slice(0, key.indexOf('/'));

/** What a sound record of reference.corporate-actions changes of the actions that are known, and all of them then; null: nothing. */
export function actionChange(
  { key, value, timestampMs, source }: StreamRecord<CorporateAction | null>,
  known: readonly StoredAction[],
): { readonly change: ActionChange; readonly actions: readonly StoredAction[] } | null {
  const actionId = key!.slice(key!.indexOf('/') + 1);
  const place = { sourcePartition: source.partition, sourceOffset: source.offset };
  const after = value && storedAction(value, place.sourcePartition, place.sourceOffset);
  const before = known.find((other) => other.actionId === actionId) ?? null;
  if (before && after ? hasSameTerms(before, after) : before === after) return null;
  const eventTime = after?.eventTime ?? timestampMs * 1000;
  return { change: { before, after, actionId, eventTime, ...place }, actions: withAction(known, actionId, after) };
}

/** The list with one action added, replaced, or (null) taken out. */
function withAction(
  actions: readonly StoredAction[],
  actionId: string,
  action: StoredAction | null,
): readonly StoredAction[] {
  const others = actions.filter((other) => other.actionId !== actionId);
  const all = action ? [...others, action] : others;
  return all.sort((a, b) => a.exTime - b.exTime || (a.actionId < b.actionId ? -1 : 1));
}

/** The same terms, whenever they were said. */
const hasSameTerms = (a: StoredAction, b: StoredAction): boolean =>
  a.type === b.type &&
  a.exTime === b.exTime &&
  a.newUnits === b.newUnits &&
  a.oldUnits === b.oldUnits &&
  a.amount === b.amount;
