import { TidemarkError } from '#streams/kit/errors.ts';
import type { Metrics } from '#streams/kit/metrics.ts';
import { mergeMetrics, type ProcessMetrics } from './merge.ts';

const TIMEOUT_MS = 2_000;

/** A process of the system and where it answers /metrics and /health. */
export interface ProcessAddress {
  readonly name: string;
  readonly url: string;
}

/** Reads `name=url` entries. Throws CONFIG_INVALID with the entry that is none. */
export function parseAddresses(entries: readonly string[]): ProcessAddress[] {
  return entries.map((entry) => {
    const split = entry.indexOf('=');
    const url = entry.slice(split + 1);
    if (split < 1 || !URL.canParse(url))
      throw new TidemarkError('CONFIG_INVALID', `TIDEMARK_STATUS_URLS has "${entry}": expected name=url`);
    return { name: entry.slice(0, split), url: url.replace(/\/$/, '') };
  });
}

/** The API's own metrics and those of every other process, on one page; a process that does not answer is `tidemark_process_up 0`. */
export async function gatherMetrics(own: Metrics, processes: readonly ProcessAddress[]): Promise<string> {
  const up = own.gauge('tidemark_process_up', 'Whether a process answered when its metrics were asked for.', [
    'process',
  ]);
  up.set({ process: 'api' }, 1);
  const pages = await Promise.all(
    processes.map(async ({ name, url }): Promise<ProcessMetrics | null> => {
      try {
        const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
        up.set({ process: name }, response.ok ? 1 : 0);
        return response.ok ? { process: name, text: await response.text() } : null;
      } catch {
        up.set({ process: name }, 0);
        return null;
      }
    }),
  );
  const ownPage = { process: 'api', text: await own.registry.metrics() };
  return mergeMetrics([ownPage, ...pages.filter((page) => page !== null)]);
}
