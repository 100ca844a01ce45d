import type { Processor, ProcessorContext } from '../../topology/types.ts';
import type { Change } from '../change.ts';

export type JoinKind = 'inner' | 'left' | 'outer';
export interface TableTableJoin<L, R, O> {
  readonly kind: JoinKind;
  /** Key-value stores of both tables, each written before its change comes here. */
  readonly leftStore: string;
  readonly rightStore: string;
  readonly join: (left: L | null, right: R | null, key: string) => O;
}

/**
 * Table–table join by key, as in Kafka Streams: a change of either side changes the joined row, which is there while both sides are
 * (inner), while the left one is (left), or while any is (outer). Gives the two processors, one for the changes of each side; both declare
 * both stores. A result has the time of the change that made it, not, as there, the later one of both sides.
 */
export function tableTableJoin<L, R, O>({ kind, leftStore, rightStore, join }: TableTableJoin<L, R, O>) {
  const joined = (left: L | null, right: R | null, key: string): O | null => {
    if (left === null && (right === null || kind !== 'outer')) return null;
    if (right === null && kind === 'inner') return null;
    return join(left, right, key);
  };
  const emit = (context: ProcessorContext, key: string, change: Change<O>, timestampMs: number) => {
    if (change.before !== null || change.after !== null) context.emit(key, change, timestampMs);
  };
  const left = (context: ProcessorContext): Processor<Change<L>> => {
    const others = context.store<R>(rightStore);
    return {
      process: ({ key, value: { before, after }, timestampMs }) => {
        const right = others.get(key!) ?? null;
        emit(context, key!, { before: joined(before, right, key!), after: joined(after, right, key!) }, timestampMs);
      },
    };
  };
  const right = (context: ProcessorContext): Processor<Change<R>> => {
    const others = context.store<L>(leftStore);
    return {
      process: ({ key, value: { before, after }, timestampMs }) => {
        const other = others.get(key!) ?? null;
        emit(context, key!, { before: joined(other, before, key!), after: joined(other, after, key!) }, timestampMs);
      },
    };
  };
  return { left, right };
}
