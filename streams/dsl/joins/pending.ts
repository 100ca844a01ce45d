import type { ProcessorContext, WindowStore } from '../../topology/types.ts';
import type { StreamStreamJoin, Waiting } from './stream-stream.ts';

interface Pending {
  /** Stream time after which no partner can come. */
  readonly dueMs: number;
  readonly isLeft: boolean;
  readonly key: string;
  readonly timeMs: number;
}
type Stores = Readonly<Record<'left' | 'right', WindowStore<Waiting<unknown>>>>;

/**
 * Records of a join that have no partner yet, by the time at which their windows close. Both sides of a task share it: it is found
 * by their store, made anew with the processors, and filled from the stores when it is first needed.
 */
export class PendingPairs {
  static readonly #byStore = new WeakMap<object, PendingPairs>();

  /** Of the task of a context. */
  static of(
    context: ProcessorContext,
    options: StreamStreamJoin<never, never, unknown>,
    leftStore: string,
    rightStore: string,
  ): PendingPairs {
    const left = context.windowStore<Waiting<unknown>>(leftStore);
    const right = context.windowStore<Waiting<unknown>>(rightStore);
    const known = PendingPairs.#byStore.get(left);
    if (known) {
      // A new processor means that the stores may have changed behind its back.
      known.#heap = null;
      return known;
    }
    const pending = new PendingPairs(options, { left, right });
    PendingPairs.#byStore.set(left, pending);
    return pending;
  }

  readonly #options: StreamStreamJoin<never, never, unknown>;
  readonly #stores: Stores;
  #heap: Pending[] | null = null;

  constructor(options: StreamStreamJoin<never, never, unknown>, stores: Stores) {
    this.#options = options;
    this.#stores = stores;
  }

  add(isLeft: boolean, key: string, timeMs: number): void {
    const { beforeMs, afterMs, graceMs } = this.#options;
    const dueMs = timeMs + (isLeft ? afterMs : beforeMs) + graceMs;
    push(this.#filled(), { dueMs, isLeft, key, timeMs });
  }

  /** Emits what has found no partner and cannot find one any more. */
  close(context: ProcessorContext, join: (left: unknown, right: unknown, key: string) => unknown): void {
    if (this.#options.kind === 'inner') return;
    const heap = this.#filled();
    while (heap.length > 0 && heap[0]!.dueMs < context.streamTimeMs) {
      const { isLeft, key, timeMs } = pop(heap);
      const store = isLeft ? this.#stores.left : this.#stores.right;
      const waiting = store.get(key, timeMs);
      if (!waiting || waiting.records.every(({ joined }) => joined)) continue;
      for (const { value, joined } of waiting.records) {
        if (!joined) context.emit(key, isLeft ? join(value, null, key) : join(null, value, key), timeMs);
      }
      // Nothing meets it any more, and it must not be given again after a restart.
      store.delete(key, timeMs);
    }
  }

  #filled(): Pending[] {
    if (this.#heap) return this.#heap;
    this.#heap = [];
    for (const isLeft of [true, false]) {
      for (const [key, timeMs, { records }] of (isLeft ? this.#stores.left : this.#stores.right).all())
        if (records.some(({ joined }) => !joined)) this.add(isLeft, key, timeMs);
    }
    return this.#heap;
  }
}

/** By time of closing, then left before right, then key and time: the order of results must not depend on that of coming. */
function isBefore(a: Pending, b: Pending): boolean {
  if (a.dueMs !== b.dueMs) return a.dueMs < b.dueMs;
  if (a.isLeft !== b.isLeft) return a.isLeft;
  return a.key !== b.key ? a.key < b.key : a.timeMs < b.timeMs;
}
/** A binary heap in an array. */
function push(heap: Pending[], item: Pending): void {
  let at = heap.length;
  heap.push(item);
  for (let parent = (at - 1) >> 1; at > 0 && isBefore(item, heap[parent]!); parent = (at - 1) >> 1) {
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = item;
}
function pop(heap: Pending[]): Pending {
  const first = heap[0]!;
  const item = heap.pop()!;
  if (heap.length === 0) return first;
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, item)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = item;
  return first;
}
