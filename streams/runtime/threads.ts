import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describeError, TidemarkError } from '../kit/errors.ts';
import type { Log } from '../kit/log.ts';
import { writeEntry } from '../kit/log-pipe.ts';
import type { Metrics } from '../kit/metrics.ts';
import type { RunningTopology } from './index.ts';
import { ThreadMetrics } from './threads-metrics.ts';
import {
  type FromWorker,
  fromPlainError,
  type MetricSnapshot,
  type ModuleExport,
  type PlainRunOptions,
  type ToWorker,
  type WorkerInput,
} from './worker-messages.ts';

/** A function of a module that each thread loads for itself: functions cannot be sent to a thread. */
export interface ModuleFunction {
  /** A file URL, as `import.meta.url` or `new URL('./graph.ts', import.meta.url)`. */
  readonly module: URL | string;
  /** The name under which the module exports it. */
  readonly export: string;
}
/** How a topology runs in worker threads: the function named here makes its definition, once in each thread. */
export interface ThreadOptions extends PlainRunOptions, ModuleFunction {
  /** For the exported function, which returns the topology's definition; plain data. */
  readonly args?: readonly unknown[];
  /** Where the first thread answers queries of its stores; the others take the ports after it, 0 a free one each. */
  readonly queryPort?: number;
  /** How many threads; more than there are partitions have nothing to do. */
  readonly threads: number;
  /** As `new SchemaRegistry` takes it: each thread has one of its own. */
  readonly registryUrl: string;
  /** The exported function gives the broker settings of an internal topic, as in `runTopology`. */
  readonly topicConfig: ModuleFunction;
  /** Takes what all threads log, each with its number as `thread`. */
  readonly log: Log;
  /** Shows the metrics of all threads, each with the label `thread`. */
  readonly metrics: Metrics;
}

/** How long a stop may take: less than what a process has for its end. */
const STOP_LIMIT_MS = 9_000;
/** How long a thread may linger after its last word. */
const END_LIMIT_MS = 1_000;
/** A thread that has not been heard of for this long is not ready. */
const SILENT_MS = 5_000;
/** How long metrics wait for a thread that is busy, before they show its last ones. */
const METRICS_LIMIT_MS = 1_000;

/**
 * Runs a topology in worker threads of this process: its tasks are spread over them, each thread has its own connections to
 * Kafka, and its own folder `thread-<n>` below `stateFolder`. When one fails, the others commit what is done and stop, and `done`
 * rejects. Throws what `runTopology` throws, and CONFIG_INVALID where a module exports no such function.
 */
export async function runTopologyThreads(options: ThreadOptions): Promise<RunningTopology> {
  const { threads, metrics } = options;
  if (!Number.isInteger(threads) || threads < 1)
    throw new TidemarkError('CONFIG_INVALID', `A topology needs one thread at least, not ${threads}`);
  const workers: WorkerThread[] = [];
  const merged = new ThreadMetrics(metrics, () => Promise.all(workers.map((worker) => worker.metrics())));
  const stop = () => Promise.all(workers.map((worker) => worker.stop()));
  const launch = async (index: number) => {
    const worker = new WorkerThread(index, options);
    workers.push(worker);
    // The others give up what they have neither committed nor can commit beside a failure.
    worker.ended.catch(() => stop());
    merged.add(await worker.started);
  };
  try {
    // The first creates what topics are missing; the others find them.
    await launch(0);
    await Promise.all(Array.from({ length: threads - 1 }, (_, index) => launch(index + 1)));
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
  const done = Promise.allSettled(workers.map(({ ended }) => ended)).then(() => {
    const first = workers.map(({ failure }) => failure).filter((failure) => failure !== null);
    if (first.length > 0) throw first.sort((a, b) => a.atMs - b.atMs)[0]!.error;
  });
  done.catch(() => undefined);
  return {
    notReady: () => workers.map((worker) => worker.notReady()).find((reason) => reason !== null) ?? null,
    stop: async () => {
      await stop();
      await done;
    },
    done,
  };
}

/** The parent's side of one worker thread. */
class WorkerThread {
  readonly started: Promise<readonly MetricSnapshot[]>;
  /** Settles when the thread is gone. */
  readonly ended: Promise<void>;
  failure: { readonly error: TidemarkError; readonly atMs: number } | null = null;
  readonly #name: string;
  readonly #log: Log;
  readonly #worker: Worker;
  #notReady: string | null = 'a thread is starting';
  #heardMs = performance.now();
  /** It has said its last word. */
  #over = false;
  #gone = false;
  #metrics: readonly MetricSnapshot[] = [];
  #answer: ((metrics: readonly MetricSnapshot[]) => void) | null = null;
  #begun!: (metrics: readonly MetricSnapshot[]) => void;

  constructor(index: number, options: ThreadOptions) {
    this.#name = threadName(index);
    this.#log = options.log.child({ thread: index });
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), {
      name: this.#name,
      workerData: workerInput(index, options),
    });
    this.#worker.on('message', (message: FromWorker) => this.#hear(message));
    this.#worker.on('error', (error) => this.#fail(failed(this.#name, describeError(error), error)));
    this.ended = new Promise((resolve, reject) => {
      this.#worker.on('exit', (code) => {
        this.#gone = true;
        this.#answer?.(this.#metrics);
        if (code !== 0 && !this.#over) this.#fail(failed(this.#name, `exit code ${code}`));
        if (this.failure) reject(this.failure.error);
        else resolve();
      });
    });
    this.started = new Promise((resolve, reject) => {
      this.#begun = resolve;
      const early = new TidemarkError('THREAD_FAILED', `${this.#name} was stopped before it had started`);
      this.ended.then(() => reject(early), reject);
    });
    this.started.catch(() => undefined);
  }

  notReady(): string | null {
    if (this.failure) return `${this.#name} failed: ${this.failure.error.message}`;
    const silentMs = performance.now() - this.#heardMs;
    if (this.#gone || silentMs <= SILENT_MS) return this.#notReady;
    return `${this.#name} has not answered for ${Math.round(silentMs / 1000)} s`;
  }

  /** The newest metrics; those asked for last where the thread is too busy to answer, or gone. */
  metrics(): Promise<readonly MetricSnapshot[]> {
    if (this.#gone) return Promise.resolve(this.#metrics);
    return new Promise((resolve) => {
      const limit = setTimeout(() => this.#answer?.(this.#metrics), METRICS_LIMIT_MS);
      this.#answer = (metrics) => {
        clearTimeout(limit);
        this.#answer = null;
        this.#metrics = metrics;
        resolve(metrics);
      };
      this.#send({ kind: 'metrics' });
    });
  }

  /** Resolves when the thread is gone, committed or not; what went wrong is in `ended`. */
  async stop(): Promise<void> {
    if (this.#gone) return;
    this.#send({ kind: 'stop' });
    const limit = setTimeout(() => {
      this.#fail(failed(this.#name, `it did not stop within ${STOP_LIMIT_MS / 1000} s and was ended`));
      void this.#worker.terminate();
    }, STOP_LIMIT_MS);
    await this.ended.catch(() => undefined);
    clearTimeout(limit);
  }

  #hear(message: FromWorker): void {
    this.#heardMs = performance.now();
    switch (message.kind) {
      case 'log':
        writeEntry(this.#log, message.entry);
        break;
      case 'state':
        this.#notReady = message.notReady;
        break;
      case 'started':
        this.#metrics = message.metrics;
        this.#begun(message.metrics);
        break;
      case 'metrics':
        this.#answer?.(message.metrics);
        break;
      case 'ended':
        if (message.error) this.#fail(fromPlainError(message.error));
        this.#over = true;
        this.#notReady = `${this.#name} has ended`;
        // A socket that does not close must not keep it.
        setTimeout(() => void this.#worker.terminate(), END_LIMIT_MS).unref();
    }
  }
  #send(message: ToWorker): void {
    this.#worker.postMessage(message);
  }
  #fail(error: TidemarkError): void {
    this.failure ??= { error, atMs: performance.now() };
  }
}

const threadName = (index: number): string => `thread-${index}`;
const failed = (name: string, reason: string, cause?: unknown): TidemarkError =>
  new TidemarkError('THREAD_FAILED', `${name} failed: ${reason}`, { cause });

function workerInput(index: number, options: ThreadOptions): WorkerInput {
  const name = threadName(index);
  const { module, export: exported, args = [], threads, registryUrl, topicConfig, log, metrics, ...run } = options;
  const reference = (from: ModuleFunction): ModuleExport => ({ module: String(from.module), export: from.export });
  return {
    topology: { ...reference({ module, export: exported }), args },
    topicConfig: reference(topicConfig),
    registryUrl,
    clientId: name,
    logLevel: log.level,
    run: {
      ...run,
      stateFolder: join(run.stateFolder, name),
      ...(run.queryPort ? { queryPort: run.queryPort + index } : {}),
    },
  };
}
