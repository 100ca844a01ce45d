import type { Micros } from '#schemas/generated/types.ts';

/** Anything that has a place in event time. */
export interface Timed {
  readonly eventTime: Micros;
}

export interface QueueOptions {
  /** At most one value per key in this many milliseconds; 0 hands over as fast as the reader takes. */
  readonly conflateMs: number;
  /** Called for each value that a newer one of its key replaced before it was read. */
  readonly onConflated: () => void;
  /** Called once, when the reader has gone. */
  readonly onClosed: () => void;
}

/**
 * One subscriber's queue: the newest value per key, in the order in which keys first waited. It holds at most one value per
 * key whatever the reader does, so a reader that stops costs a bounded amount of memory and delays nobody else.
 *
 * An iterator by hand and not an async generator: `return()` of a generator waits for its pending `next()`, so that a
 * subscriber of a quiet topic could never leave.
 */
export class ConflatingQueue<V extends Timed> implements AsyncIterableIterator<V> {
  readonly #options: QueueOptions;
  readonly #waiting = new Map<string, V>();
  /** Values that may leave before the next window opens. */
  #credit: number;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #reader: ((result: IteratorResult<V, undefined>) => void) | undefined;
  #closed = false;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#credit = options.conflateMs > 0 ? 0 : Number.POSITIVE_INFINITY;
  }

  /** Number of keys that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Takes a value: the newest event time of a key wins, the later arrival among equals. */
  push(key: string, value: V): void {
    if (this.#closed) return;
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      this.#options.onConflated();
      if (value.eventTime < waiting.eventTime) return;
    }
    this.#waiting.set(key, value);
    this.#hand();
  }

  next(): Promise<IteratorResult<V, undefined>> {
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    if (this.#reader) return Promise.reject(new Error('A subscription is read by one reader, one value at a time'));
    return new Promise((resolve) => {
      this.#reader = resolve;
      this.#hand();
    });
  }

  return(): Promise<IteratorResult<V, undefined>> {
    if (!this.#closed) {
      this.#closed = true;
      clearTimeout(this.#timer);
      this.#waiting.clear();
      this.#reader?.({ done: true, value: undefined });
      this.#reader = undefined;
      this.#options.onClosed();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  async throw(error: unknown): Promise<IteratorResult<V, undefined>> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #hand(): void {
    if (!this.#reader || this.#waiting.size === 0) return;
    if (this.#credit <= 0 && !this.#openWindow()) return;
    const [key, value] = this.#waiting.entries().next().value as [string, V];
    this.#waiting.delete(key);
    this.#credit--;
    const reader = this.#reader;
    this.#reader = undefined;
    reader({ done: false, value });
  }

  /** Lets everything that waits leave, if the last window is old enough; else sets a timer for when it is. */
  #openWindow(): boolean {
    const nowMs = performance.now();
    const remainingMs = this.#windowStartMs + this.#options.conflateMs - nowMs;
    if (remainingMs > 0) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#hand();
      }, remainingMs);
      return false;
    }
    this.#windowStartMs = nowMs;
    this.#credit = this.#waiting.size;
    return true;
  }
}
