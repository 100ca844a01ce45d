/** Keys by the time at which they are due: the earliest first, keys of one time in order. */
export class DueKeys {
  readonly #dueByKey = new Map<string, number>();
  readonly #keysByDue = new Map<number, Set<string>>();
  /** Binary heap of the times in `#keysByDue`, and of some that are empty by now. */
  readonly #times: number[] = [];

  get size(): number {
    return this.#dueByKey.size;
  }
  has(key: string): boolean {
    return this.#dueByKey.has(key);
  }
  add(key: string, dueMs: number): void {
    this.#dueByKey.set(key, dueMs);
    const keys = this.#keysByDue.get(dueMs);
    if (keys) keys.add(key);
    else {
      this.#keysByDue.set(dueMs, new Set([key]));
      this.#push(dueMs);
    }
  }
  delete(key: string): void {
    const dueMs = this.#dueByKey.get(key);
    if (dueMs === undefined) return;
    this.#dueByKey.delete(key);
    this.#keysByDue.get(dueMs)!.delete(key);
  }
  /** Takes what is due at a time. */
  take(untilMs: number): string[] {
    const taken: string[] = [];
    while (this.#times.length > 0 && this.#times[0]! <= untilMs) taken.push(...this.#takeFirst());
    return taken;
  }
  /** Takes the keys that are due first. */
  takeEarliest(): string[] {
    for (;;) {
      if (this.#times.length === 0) return [];
      const keys = this.#takeFirst();
      if (keys.length > 0) return keys;
    }
  }

  #takeFirst(): string[] {
    const dueMs = this.#pop();
    const keys = [...this.#keysByDue.get(dueMs)!].sort();
    this.#keysByDue.delete(dueMs);
    for (const key of keys) this.#dueByKey.delete(key);
    return keys;
  }
  #push(time: number): void {
    const heap = this.#times;
    let at = heap.length;
    for (; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (heap[parent]! <= time) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = time;
  }
  #pop(): number {
    const heap = this.#times;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= last) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
