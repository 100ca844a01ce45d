import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** One registry a process. Metrics are declared where they are measured, with `tidemark_` names and units last. */
export class Metrics {
  /** Of prom-client: gives the text to scrape. */
  readonly registry = new Registry();

  /** The counter of this name, made at the first call. */
  counter<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
    return (
      (this.registry.getSingleMetric(name) as Counter<L>) ??
      new Counter({ name, help, labelNames, registers: [this.registry] })
    );
  }
  /** The gauge of this name, made at the first call. */
  gauge<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> {
    return (
      (this.registry.getSingleMetric(name) as Gauge<L>) ??
      new Gauge({ name, help, labelNames, registers: [this.registry] })
    );
  }
  /** The histogram of this name, made at the first call; `buckets` are upper bounds. */
  histogram<L extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly L[] = [],
  ): Histogram<L> {
    const existing = this.registry.getSingleMetric(name) as Histogram<L> | undefined;
    return existing ?? new Histogram({ name, help, buckets, labelNames, registers: [this.registry] });
  }
}
