import type { Clock } from '#streams/kit/clock.ts';

/** After being held up, at most this much is caught up by going faster than asked. */
const CATCH_UP_MS = 1_000;

/** A function that resolves when the next day is due, so that `daysPerSecond` holds on average; 0: at once. */
export function pacer(daysPerSecond: number, clock: Clock, signal: AbortSignal): () => Promise<void> {
  if (daysPerSecond === 0) return async () => {};
  const intervalMs = 1000 / daysPerSecond;
  let dueMs = clock.now();
  return async () => {
    dueMs = Math.max(dueMs + intervalMs, clock.now() - CATCH_UP_MS);
    const pauseMs = dueMs - clock.now();
    if (pauseMs > 0) await clock.sleep(pauseMs, signal);
  };
}
