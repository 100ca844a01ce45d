import type { Metric } from 'prom-client';
import type { Metrics } from '../kit/metrics.ts';
import type { MetricSnapshot } from './worker-messages.ts';

/**
 * Shows the metrics of worker threads among the parent's, each with the label `thread`. They are collected when somebody asks,
 * once for all of them. A name that the parent measures too keeps the parent's own values.
 */
export class ThreadMetrics {
  readonly #metrics: Metrics;
  readonly #ask: () => Promise<(readonly MetricSnapshot[])[]>;
  readonly #known = new Set<string>();
  #asked: Promise<(readonly MetricSnapshot[])[]> | null = null;

  /** `ask` gives the newest metrics of each thread, by its number. */
  constructor(metrics: Metrics, ask: () => Promise<(readonly MetricSnapshot[])[]>) {
    this.#metrics = metrics;
    this.#ask = ask;
  }

  /** Takes up the names of a thread's metrics. */
  add(snapshots: readonly MetricSnapshot[]): void {
    const { registry } = this.#metrics;
    for (const { name, help, type, aggregator } of snapshots) {
      if (this.#known.has(name)) continue;
      this.#known.add(name);
      const own = registry.getSingleMetric(name);
      if (own) registry.removeSingleMetric(name);
      const get = async () => ({
        name,
        help,
        type,
        aggregator,
        values: [...((await own?.get())?.values ?? []), ...(await this.#values(name))],
      });
      // The registry asks no more of a metric than its name and this.
      registry.registerMetric({ name, get, reset: () => undefined } as unknown as Metric<string>);
    }
  }

  async #values(name: string) {
    this.#asked ??= this.#ask().finally(() => {
      this.#asked = null;
    });
    const threads = await this.#asked;
    return threads.flatMap((snapshots, thread) => {
      const values = snapshots.find((snapshot) => snapshot.name === name)?.values ?? [];
      return values.map((value) => ({ ...value, labels: { ...value.labels, thread: String(thread) } }));
    });
  }
}
