import type { RiskAction } from '#schemas/generated/types.ts';
import type { Clock } from '#streams/kit/clock.ts';
import type { Attempt, Deliver } from './attempt.ts';
import { laneOf } from './message.ts';

/** Deliveries to one target at a time: one that hangs does not hold up those behind it. */
const AT_ONCE = 4;
/** What may wait for a target. */
const MAX_WAITING = 1_000;
const MAX_PAUSE_MS = 60_000;

export interface LanesOptions {
  readonly channels: Readonly<Record<NonNullable<RiskAction['channel']>, Deliver>>;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly attempts: number;
  readonly retryMs: number;
  /** Told of each notification once, with the tries it took. What it throws ends the lanes. */
  readonly finished: (action: RiskAction, outcome: Attempt, tries: number) => Promise<void>;
  /** Told when `finished` threw. */
  readonly broken: (error: unknown) => void;
  /** Begins nothing more when it aborts. */
  readonly signal: AbortSignal;
}
interface Lane {
  readonly waiting: RiskAction[];
  active: number;
  /** The last try failed. */
  isFailing: boolean;
}

/**
 * Delivers notifications, those of each target apart from those of others, a few at a time and each several times: the pause doubles
 * from try to try, and varies so that what failed together is not tried together. A target that is down is tried for everything that
 * waits for it; beyond a thousand, what comes is given up at once, so that it holds up nobody else.
 */
export class Lanes {
  readonly #options: LanesOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #running = new Set<Promise<void>>();
  /** Notified when a delivery has ended or a try failed. */
  #moved = Promise.withResolvers<void>();

  constructor(options: LanesOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.#move());
  }

  /** Notifications that are not finished. */
  get pending(): number {
    let pending = 0;
    for (const { waiting, active } of this.#lanes.values()) pending += waiting.length + active;
    return pending;
  }

  /** Takes a notification. Waits while a thousand are before it and their target takes them. */
  async submit(action: RiskAction): Promise<void> {
    const name = laneOf(action);
    const lane = this.#lanes.get(name) ?? { waiting: [], active: 0, isFailing: false };
    this.#lanes.set(name, lane);
    const { signal } = this.#options;
    while (lane.waiting.length >= MAX_WAITING && !lane.isFailing && !signal.aborted) await this.#moved.promise;
    if (signal.aborted) return;
    if (lane.waiting.length >= MAX_WAITING) {
      const reason = `its target does not answer, and ${MAX_WAITING} notifications wait for it`;
      await this.#options.finished(action, { isDelivered: false, isFinal: true, reason }, 0);
      return;
    }
    lane.waiting.push(action);
    this.#start(name, lane);
  }

  /** After the signal: resolves when tries under way have ended, at the latest after `limitMs`. */
  async ended(limitMs: number): Promise<void> {
    const limit = new AbortController();
    await Promise.race([Promise.all(this.#running), this.#options.clock.sleep(limitMs, limit.signal)]);
    limit.abort();
  }

  #start(name: string, lane: Lane): void {
    while (lane.active < AT_ONCE && lane.waiting.length > 0 && !this.#options.signal.aborted) {
      const action = lane.waiting.shift()!;
      lane.active++;
      const running: Promise<void> = this.#run(action, lane)
        .catch((error: unknown) => this.#options.broken(error))
        .finally(() => {
          this.#running.delete(running);
          lane.active--;
          this.#start(name, lane);
          if (lane.active === 0 && lane.waiting.length === 0) this.#lanes.delete(name);
          this.#move();
        });
      this.#running.add(running);
    }
  }

  async #run(action: RiskAction, lane: Lane): Promise<void> {
    const { attempts, channels, clock, finished, signal } = this.#options;
    for (let tries = 1; ; tries++) {
      const outcome = await channels[action.channel!](action);
      lane.isFailing = !outcome.isDelivered;
      if (outcome.isDelivered || outcome.isFinal || tries >= attempts) return finished(action, outcome, tries);
      this.#move();
      await clock.sleep(this.#pauseMs(tries), signal);
      // It is tried again after the restart, from the first.
      if (signal.aborted) return;
    }
  }

  #pauseMs(tries: number): number {
    const { retryMs, random } = this.#options;
    return Math.min(MAX_PAUSE_MS, retryMs * 2 ** (tries - 1)) * (0.5 + random());
  }

  #move(): void {
    const moved = this.#moved;
    this.#moved = Promise.withResolvers();
    moved.resolve();
  }
}
