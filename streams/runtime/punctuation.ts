import type { PunctuationType, Punctuator } from '../topology/types.ts';

interface Schedule {
  readonly intervalMs: number;
  readonly run: Punctuator;
}

/**
 * The punctuators of a task. Event time has no memory of its own: a punctuator fires when stream time passes a multiple of its
 * interval, once however many it passes, so stream time is all that an abort has to put back.
 */
export class Punctuation {
  readonly #eventTime: Schedule[] = [];
  readonly #wallClock: (Schedule & { nextMs: number })[] = [];
  readonly #startedMs: number;

  constructor(startedMs: number) {
    this.#startedMs = startedMs;
  }

  add(intervalMs: number, type: PunctuationType, run: Punctuator): void {
    if (type === 'event-time') this.#eventTime.push({ intervalMs, run });
    else this.#wallClock.push({ intervalMs, run, nextMs: this.#startedMs + intervalMs });
  }

  /** Stream time has gone from one time to a later one; -1: there was none, and nothing is due. */
  advance(fromMs: number, toMs: number): void {
    if (this.#eventTime.length === 0 || fromMs < 0) return;
    for (const { intervalMs, run } of this.#eventTime) {
      const passed = Math.floor(toMs / intervalMs);
      if (passed > Math.floor(fromMs / intervalMs)) run(passed * intervalMs);
    }
  }

  /** Fires what is due by the wall clock; true when anything was. */
  tick(nowMs: number): boolean {
    let fired = false;
    for (const schedule of this.#wallClock) {
      if (nowMs < schedule.nextMs) continue;
      // After a long pause once, not once for every interval missed.
      schedule.nextMs +=
        Math.max(1, Math.floor((nowMs - schedule.nextMs) / schedule.intervalMs) + 1) * schedule.intervalMs;
      schedule.run(nowMs);
      fired = true;
    }
    return fired;
  }
}
