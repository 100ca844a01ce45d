import { useEffect, useState } from 'react';
import { formatAge } from './format.ts';
import { useStore } from './store.ts';

/** Without a new value for this long, what the page shows is called stale. */
export const STALE_AFTER_MS = 5_000;
const TICK_MS = 500;
const HEALTH_INTERVAL_MS = 5_000;

export type Status = { readonly kind: 'connecting' | 'live' | 'stale'; readonly text: string; readonly detail: string };

/** Whether the figures can be relied on as of now: live, or stale with since when and why. */
export function useStatus(): Status {
  const connection = useStore((state) => state.connection);
  const arrivedAtMs = useStore((state) => state.arrivedAtMs);
  const nowMs = useNow();
  const quietMs = arrivedAtMs === null ? null : nowMs - arrivedAtMs;
  const stale = connection === 'down' || (quietMs !== null && quietMs > STALE_AFTER_MS);
  const detail = useReason(stale && connection === 'live');
  if (connection === 'down')
    return {
      kind: 'stale',
      text: 'Stale',
      detail: `connection lost${quietMs === null ? '' : `, no data for ${formatAge(quietMs)}`}, trying again`,
    };
  if (stale) return { kind: 'stale', text: 'Stale', detail: `no data for ${formatAge(quietMs ?? 0)}${detail}` };
  if (connection === 'connecting') return { kind: 'connecting', text: 'Connecting', detail: '' };
  return { kind: 'live', text: 'Live', detail: quietMs === null ? 'no data yet' : '' };
}

function useNow(): number {
  const [nowMs, setNowMs] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}

interface Report {
  readonly ready: boolean;
  readonly checks: readonly { name: string; ok: boolean; reason: string }[];
}

/** Why nothing comes: the pipeline has read all there is, or which part of it is stuck. */
function useReason(asked: boolean): string {
  const [reason, setReason] = useState('');
  useEffect(() => {
    if (!asked) {
      setReason('');
      return;
    }
    const abort = new AbortController();
    const ask = async () => {
      try {
        const response = await fetch('/health/ready', { signal: abort.signal });
        const { ready, checks } = (await response.json()) as Report;
        const failed = checks.find(({ ok }) => !ok);
        const exhausted = checks.some((check) => check.reason === 'inputs exhausted');
        if (failed) setReason(` · ${failed.name}: ${failed.reason}`);
        else setReason(ready && exhausted ? ' · all input is processed' : '');
      } catch {
        if (!abort.signal.aborted) setReason(' · the server does not answer');
      }
    };
    void ask();
    const timer = setInterval(ask, HEALTH_INTERVAL_MS);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [asked]);
  return reason;
}
