import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';
import { Random } from '#streams/kit/random.ts';

interface Happening {
  readonly atMs: number;
  /** Order of the same moment. */
  readonly sequence: number;
  readonly owner: SimulatedProcess | null;
  readonly run: () => void;
  cancelled: boolean;
}

/** A process of the simulation: what happens on its behalf ends with it, and waits while it is paused. */
export class SimulatedProcess {
  readonly name: string;
  dead = false;
  /** What became due while the process was stopped (SIGSTOP); null: it runs. */
  deferred: Happening[] | null = null;
  readonly #onDeath: (() => void)[] = [];

  constructor(name: string) {
    this.name = name;
  }
  /** kill -9: it does nothing more, and what it has sent may still arrive. */
  kill(): void {
    if (this.dead) return;
    this.dead = true;
    for (const react of this.#onDeath) react();
  }
  onDeath(react: () => void): void {
    this.#onDeath.push(react);
  }
}

/** 2026-01-01 UTC. */
const BEGIN_MS = 1_767_225_600_000;
/** What a slice of work takes at most. */
const SLICE_MS = 15;
/** Far more than a history of minutes needs. */
const HAPPENINGS_LIMIT = 300_000;
const nextLoop = setImmediate;

/**
 * A world of its own for unchanged code: timers, clocks and whatever else is put on its calendar happen one after the other in
 * virtual time. All chance comes from one seed, so one seed is one history. While `run` runs, the global timers are the world's.
 */
export class World {
  readonly random: Random;
  nowMs = BEGIN_MS;
  readonly #current = new AsyncLocalStorage<SimulatedProcess | null>();
  readonly #heap: Happening[] = [];
  readonly #trace = createHash('sha256');
  #sequence = 0;
  happenings = 0;
  /** Where the clock of work is: never behind the time. */
  #workedMs = 0;
  /** Receives every line of the trace, for reading a history. */
  onNote: ((line: string) => void) | null = null;

  constructor(seed: string | number) {
    this.random = new Random(seed);
  }

  /** Milliseconds since the beginning. */
  get elapsedMs(): number {
    return this.nowMs - BEGIN_MS;
  }
  get process(): SimulatedProcess | null {
    return this.#current.getStore() ?? null;
  }
  /** Hash of everything noted. */
  get hash(): string {
    return this.#trace.copy().digest('hex');
  }
  note(line: string): void {
    const text = `${this.elapsedMs.toFixed(3)} ${line}`;
    this.#trace.update(text);
    this.onNote?.(text);
  }
  chance(probability: number): boolean {
    return this.random.uniform() < probability;
  }

  /** Runs code as a process: what it starts belongs to it. */
  as<T>(process: SimulatedProcess | null, code: () => T): T {
    return this.#current.run(process, code);
  }
  after(delayMs: number, run: () => void, owner: SimulatedProcess | null = null): Happening {
    const happening = {
      atMs: this.nowMs + Math.max(0, delayMs),
      sequence: this.#sequence++,
      owner,
      run,
      cancelled: false,
    };
    this.#push(happening);
    return happening;
  }
  pause(process: SimulatedProcess): void {
    process.deferred ??= [];
  }
  resume(process: SimulatedProcess): void {
    const waiting = process.deferred ?? [];
    process.deferred = null;
    for (const { run, cancelled } of waiting) if (!cancelled) this.after(0, run, process);
  }

  /** Lets the world go on until the condition holds; throws when it does not within `limitMs` of virtual time. */
  async run(until: () => boolean, limitMs: number): Promise<void> {
    const release = this.#takeOver();
    const deadlineMs = this.nowMs + limitMs;
    try {
      while (!until()) {
        const next = this.#pop();
        if (!next) throw new Error('Nothing will ever happen again');
        if (++this.happenings > HAPPENINGS_LIMIT) throw new Error('Too much happens: it turns in circles');
        if (next.atMs > deadlineMs) throw new Error(`Not within ${limitMs} ms`);
        this.nowMs = Math.max(this.nowMs, next.atMs);
        const { owner } = next;
        if (next.cancelled || owner?.dead) continue;
        if (owner?.deferred) {
          owner.deferred.push(next);
          continue;
        }
        this.#current.run(owner, next.run);
        // Everything that follows from it without waiting.
        await new Promise((resolve) => nextLoop(resolve));
      }
    } finally {
      release();
    }
  }

  /** Puts the world's clock and timers in the place of Node's; returns what undoes it. */
  #takeOver(): () => void {
    const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate } = globalThis;
    const dateNow = Date.now;
    const { setTimeout: sleep, setImmediate: immediate } = timersPromises;
    Object.assign(globalThis, this.#timers());
    Date.now = () => Math.floor(this.nowMs);
    // Work takes no time, but now and then a slice of it has been long enough.
    performance.now = () => {
      this.#workedMs = Math.max(this.#workedMs + (this.chance(0.1) ? SLICE_MS : 0), this.nowMs);
      return this.#workedMs;
    };
    timersPromises.setTimeout = ((ms: number, value: unknown, options?: { signal?: AbortSignal }) => {
      return new Promise<unknown>((resolve) => {
        this.after(ms, () => resolve(value), this.process);
        options?.signal?.addEventListener('abort', () => resolve(value));
      });
    }) as typeof sleep;
    timersPromises.setImmediate = (() => {
      return new Promise<unknown>((resolve) => void this.after(0, () => resolve(undefined), this.process));
    }) as typeof immediate;
    syncBuiltinESMExports();
    return () => {
      Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate });
      Date.now = dateNow;
      delete (performance as { now?: unknown }).now;
      timersPromises.setTimeout = sleep;
      timersPromises.setImmediate = immediate;
      syncBuiltinESMExports();
    };
  }

  #timers() {
    const timer = (happening: Happening) => ({ happening, ref: () => undefined, unref: () => undefined });
    const clear = (given: { happening: Happening } | undefined) => {
      if (given?.happening) given.happening.cancelled = true;
    };
    const repeat = (run: () => void, everyMs: number) => {
      const handle = timer(this.after(everyMs, () => again(), this.process));
      const again = () => {
        handle.happening = this.after(everyMs, again, this.process);
        run();
      };
      return handle;
    };
    return {
      setTimeout: (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
        timer(this.after(ms, () => run(...args), this.process)),
      clearTimeout: clear,
      setInterval: repeat,
      clearInterval: clear,
      setImmediate: (run: () => void) => timer(this.after(0, run, this.process)),
    };
  }

  #push(happening: Happening): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(happening);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(happening, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = happening;
  }
  #pop(): Happening | null {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last) return null;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

const isBefore = (a: Happening, b: Happening): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
