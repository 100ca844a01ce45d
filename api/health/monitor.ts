import type { ReadStore, SinkOffset } from '#sinks/postgres/read.ts';
import type { Kafka } from '#streams/kafka/index.ts';
import { describeError } from '#streams/kit/errors.ts';
import type { LiveFeed } from '../live/feed.ts';
import type { ProcessAddress } from '../metrics/gather.ts';
import { type Check, type InputProgress, ProgressTracker } from './progress.ts';

/** Input topics of each topology's consumer group; fills count as read only when they have come through the repartition topic. */
const GROUPS = {
  positions: [
    'orders.fills',
    'positions.fills-by-instrument.repartition',
    'market.trades',
    'reference.instruments',
    'reference.corporate-actions',
  ],
  portfolio: ['portfolio.positions', 'portfolio.cash'],
  bars: ['market.trades', 'reference.corporate-actions'],
  indicators: ['market.bars'],
  regimes: ['market.returns'],
  book: ['market.book'],
} as const;
/** Topics whose tables the API reads: one that the sink never wrote is behind by all there is. */
const SINK_TOPICS = ['portfolio.pnl', 'portfolio.positions'] as const;
/** Processes without which the numbers are not complete, or nobody is told of a breach. The others (replay, demo, venue) may have ended their work. */
const REQUIRED_PROCESSES = new Set([
  'positions',
  'portfolio',
  'bars',
  'indicators',
  'regimes',
  'book',
  'risk',
  'execution',
  'limits',
  'predictions',
  'response',
  'notify',
  'models',
  'sink-postgres',
  'sink-clickhouse',
]);

const SAMPLE_INTERVAL_MS = 1_000;
const FRESH_MS = 10_000;
const REQUEST_TIMEOUT_MS = 2_000;

export interface Report {
  readonly ready: boolean;
  readonly checkedAt: string;
  readonly checks: readonly Check[];
}

export interface MonitorOptions {
  readonly kafka: Pick<Kafka, 'offsets' | 'committedOffsets'>;
  readonly store: Pick<ReadStore, 'sinkOffsets'>;
  readonly feed: Pick<LiveFeed, 'notReady' | 'lagRecords'>;
  readonly processes: readonly ProcessAddress[];
  readonly maxLagRecords: number;
}

/** Looks at processors, sinks and live views every second, and says whether what the API shows can be relied on. */
export class HealthMonitor {
  readonly #options: MonitorOptions;
  readonly #trackers = new Map<string, ProgressTracker>();
  readonly #stop = new AbortController();
  #report: Report = { ready: false, checkedAt: new Date().toISOString(), checks: [] };
  #sampledAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  start(): void {
    const sample = async () => {
      await this.sample(Date.now());
      if (!this.#stop.signal.aborted) this.#timer = setTimeout(sample, SAMPLE_INTERVAL_MS);
    };
    void sample();
  }

  stop(): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  /** The last report; not ready when it is older than 10 s, for then the looking itself is stuck. */
  report(nowMs: number): Report {
    const ageMs = nowMs - this.#sampledAtMs;
    if (ageMs <= FRESH_MS) return this.#report;
    const reason = Number.isFinite(ageMs) ? `not measured for ${Math.round(ageMs / 1000)} s` : 'not measured yet';
    return { ...this.#report, ready: false, checks: [{ name: 'monitor', ok: false, reason }, ...this.#report.checks] };
  }

  /** Takes one sample of everything. Never throws: what cannot be asked is a failed check. */
  async sample(nowMs: number): Promise<void> {
    const { processes } = this.#options;
    const checks = await Promise.all([
      ...processes.filter(({ name }) => REQUIRED_PROCESSES.has(name)).map(checkProcess),
      ...Object.entries(GROUPS).map(([group, topics]) =>
        guard(`group ${group}`, async () =>
          this.#tracker(`group ${group}`).check(await this.#inputs(group, topics), nowMs),
        ),
      ),
      guard('sink postgres', async () => this.#tracker('sink postgres').check(await this.#sinkInputs(), nowMs)),
      guard('live views', async () => this.#liveCheck()),
    ]);
    this.#report = {
      ready: checks.every(({ ok }) => ok),
      checkedAt: new Date(nowMs).toISOString(),
      checks,
    };
    this.#sampledAtMs = nowMs;
  }

  #tracker(name: string): ProgressTracker {
    const { maxLagRecords } = this.#options;
    const tracker = this.#trackers.get(name) ?? new ProgressTracker(name, { maxLagRecords, freshMs: FRESH_MS });
    this.#trackers.set(name, tracker);
    return tracker;
  }

  #inputs(group: string, topics: readonly string[]): Promise<InputProgress[]> {
    const { kafka } = this.#options;
    return Promise.all(
      topics.map(async (topic) => {
        // Positions before ends: a reader that goes on meanwhile must not look as if it were ahead of the log.
        const next = await kafka.committedOffsets(group, topic);
        return { topic, next, end: await kafka.offsets(topic, 'latest-stable') };
      }),
    );
  }

  async #sinkInputs(): Promise<InputProgress[]> {
    const offsets = await this.#options.store.sinkOffsets();
    const topics = new Map<string, SinkOffset[]>(SINK_TOPICS.map((topic) => [topic, []]));
    for (const offset of offsets) topics.set(offset.topic, [...(topics.get(offset.topic) ?? []), offset]);
    return Promise.all(
      [...topics].map(async ([topic, partitions]) => {
        const end = await this.#options.kafka.offsets(topic, 'latest-stable');
        const next = end.map((_, partition) => partitions.find((row) => row.partition === partition)?.nextOffset ?? 0);
        return { topic, next, end };
      }),
    );
  }

  #liveCheck(): Check {
    const { feed, maxLagRecords } = this.#options;
    const reason = feed.notReady();
    const lagRecords = feed.lagRecords();
    const behind =
      lagRecords > maxLagRecords ? `${lagRecords} records behind; at most ${maxLagRecords} are allowed` : null;
    return { name: 'live views', ok: (reason ?? behind) === null, reason: reason ?? behind ?? 'following', lagRecords };
  }
}

async function guard(name: string, check: () => Promise<Check>): Promise<Check> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${FRESH_MS / 1000} s`)), FRESH_MS);
  try {
    return await Promise.race([check(), promise]);
  } catch (error) {
    return { name, ok: false, reason: describeError(error) };
  } finally {
    clearTimeout(timer);
  }
}

function checkProcess({ name, url }: ProcessAddress): Promise<Check> {
  return guard(`process ${name}`, async () => {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    const { ready, reason } = (await response.json()) as { ready: boolean; reason: string | null };
    return { name: `process ${name}`, ok: ready, reason: reason ?? 'ready' };
  });
}
