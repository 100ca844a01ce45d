/** Corporate actions of an instrument, as who applies them keeps them: what was said last of each. */
import type { CorporateAction } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';

/** An action as it was said last, and where its record is. */
export interface StoredAction extends Omit<CorporateAction, 'instrument' | 'source'> {
  readonly sourcePartition: number;
  readonly sourceOffset: number;
}

const TIME = { type: 'long', logicalType: 'timestamp-micros' } as const;
const DECIMAL = { type: 'bytes', logicalType: 'decimal', precision: 38, scale: 9 } as const;

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

export function storedAction(action: CorporateAction, sourcePartition: number, sourceOffset: number): StoredAction {
  const { instrument: _, source: __, ...terms } = action;
  return { ...terms, sourcePartition, sourceOffset };
}

/** The list with one action added, replaced, or (null) taken out. */
export function withAction(
  actions: readonly StoredAction[],
  actionId: string,
  action: StoredAction | null,
): readonly StoredAction[] {
  const others = actions.filter((other) => other.actionId !== actionId);
  const all = action ? [...others, action] : others;
  return all.sort((a, b) => a.exTime - b.exTime || (a.actionId < b.actionId ? -1 : 1));
}

/** The same terms, whenever they were said. */
export const hasSameTerms = (a: StoredAction, b: StoredAction): boolean =>
  a.type === b.type &&
  a.exTime === b.exTime &&
  a.newUnits === b.newUnits &&
  a.oldUnits === b.oldUnits &&
  a.amount === b.amount;
