import type { Counter, Gauge } from 'prom-client';
import type { Metrics } from '../kit/metrics.ts';

const LATENCY_BUCKETS_MS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096];

/** What people alert on, by topology. */
export class RuntimeMetrics {
  readonly events: Counter<'processor' | 'event'>;
  readonly #processed: Counter<'topic'>;
  readonly #busySeconds: Counter;
  readonly #rebalances: Counter;
  readonly #tasks: Gauge;
  readonly #standbys: Gauge;
  readonly #standbyLag;
  readonly #rejected: Counter<'topic' | 'code'>;
  readonly #late: Counter<'topic'>;
  readonly #commits: Counter;
  readonly #aborts: Counter;
  readonly #changelog: Counter;
  readonly #commitMs;
  readonly #lag;
  readonly #restore;
  readonly #stateSize;
  readonly #stateBytes;

  constructor(metrics: Metrics) {
    this.events = metrics.counter('tidemark_processor_events_total', 'What processors counted', ['processor', 'event']);
    this.#processed = metrics.counter('tidemark_records_processed_total', 'Records processed, aborted tries included', [
      'topic',
    ]);
    this.#busySeconds = metrics.counter(
      'tidemark_process_seconds_total',
      'Time spent processing; by the records processed it is the mean latency of one, its rate is the utilisation',
    );
    this.#rebalances = metrics.counter('tidemark_rebalances_total', 'Assignments taken up');
    this.#tasks = metrics.gauge('tidemark_tasks', 'Tasks assigned to this thread');
    this.#standbys = metrics.gauge(
      'tidemark_standby_tasks',
      'Tasks of others whose state this thread keeps up to date',
    );
    this.#standbyLag = metrics.gauge(
      'tidemark_standby_lag_records',
      'Changelog offsets that the copy of a store is behind',
      ['store', 'partition'],
    );
    this.#rejected = metrics.counter('tidemark_records_rejected_total', 'Records sent to their poison policy', [
      'topic',
      'code',
    ]);
    this.#late = metrics.counter('tidemark_records_late_total', 'Records too late for a part of their work', ['topic']);
    this.#commits = metrics.counter('tidemark_commits_total', 'Transactions committed');
    this.#aborts = metrics.counter('tidemark_aborts_total', 'Transactions aborted');
    this.#changelog = metrics.counter('tidemark_changelog_records_total', 'Changelog records written');
    this.#commitMs = metrics.histogram(
      'tidemark_commit_latency_ms',
      'Time of a commit, milliseconds',
      LATENCY_BUCKETS_MS,
    );
    this.#lag = metrics.gauge('tidemark_input_lag_records', 'Committed data not yet processed at the last commit', [
      'topic',
      'partition',
    ]);
    this.#restore = metrics.gauge('tidemark_restore_remaining_records', 'Changelog offsets still to restore', [
      'store',
      'partition',
    ]);
    this.#stateSize = metrics.gauge('tidemark_state_keys', 'Keys in a store', ['store', 'partition']);
    this.#stateBytes = metrics.gauge('tidemark_state_bytes', 'Memory of a store outside the JavaScript heap, bytes', [
      'store',
      'partition',
    ]);
  }
  processed(topic: string, records: number): void {
    this.#processed.inc({ topic }, records);
  }
  busy(ms: number): void {
    this.#busySeconds.inc(ms / 1000);
  }
  assigned(tasks: number): void {
    this.#rebalances.inc();
    this.#tasks.set(tasks);
  }
  standbys(tasks: number): void {
    this.#standbys.set(tasks);
  }
  /** Null: it is no copy any more. */
  standbyLag(store: string, partition: number, records: number | null): void {
    if (records === null) this.#standbyLag.remove({ store, partition });
    else this.#standbyLag.set({ store, partition }, records);
  }
  rejected(topic: string, code: string): void {
    this.#rejected.inc({ topic, code });
  }
  late(topic: string): void {
    this.#late.inc({ topic });
  }
  committed(latencyMs: number, changelogRecords: number): void {
    this.#commits.inc();
    this.#commitMs.observe(latencyMs);
    this.#changelog.inc(changelogRecords);
  }
  aborted(): void {
    this.#aborts.inc();
  }
  lag(topic: string, partition: number, records: number): void {
    this.#lag.set({ topic, partition }, records);
  }
  restoring(store: string, partition: number, remaining: number): void {
    this.#restore.set({ store, partition }, remaining);
  }
  stateSize(store: string, partition: number, keys: number, bytes: number): void {
    this.#stateSize.set({ store, partition }, keys);
    this.#stateBytes.set({ store, partition }, bytes);
  }
}
