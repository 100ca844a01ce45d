import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { topicConfig } from '#schemas/topics.ts';
import { type Kafka, openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import type { TransactionStep } from '#streams/kafka/transactions.ts';
import { pipeLog } from '#streams/kit/log-pipe.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { type RunningTopology, runTopology } from '#streams/runtime/index.ts';
import { until } from '#tests/integration/harness.ts';
import { checkTally, inputTopic, isCaughtUp, prepareTally, TallyLoad, tallies } from './tally.ts';

export interface JobOptions {
  readonly name: string;
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly folder: string;
}
export const PARTITIONS = 4;
const LIMIT_MS = 60_000;

/** A tally that runs in this process, so that a test can let something happen at an exact step of a commit. */
export class Job {
  readonly name: string;
  /** A connection of its own, for the test. */
  readonly kafka: Kafka;
  readonly load: TallyLoad;
  readonly messages: string[] = [];
  readonly #options: JobOptions;
  readonly #registry: SchemaRegistry;
  #kafkaOfTopology: Kafka | null = null;
  #running: RunningTopology | null = null;
  #failure: unknown = null;
  #stopWriting: () => Promise<void> = async () => {};
  #armed: { step: TransactionStep; happens: () => void } | null = null;

  private constructor(options: JobOptions, kafka: Kafka) {
    this.#options = options;
    this.name = options.name;
    this.kafka = kafka;
    this.#registry = new SchemaRegistry(options.registryUrl);
    this.load = new TallyLoad(kafka, this.#registry, options.name);
  }
  static async start(options: JobOptions): Promise<Job> {
    const { name, brokers } = options;
    const job = new Job(options, await openKafka({ brokers, clientId: `${name}-test` }));
    await prepareTally(job.kafka, name, PARTITIONS);
    await job.#run();
    return job;
  }
  /** The transactional id. */
  get id(): string {
    return readFileSync(join(this.#options.folder, this.name, 'id'), 'utf8').trim();
  }
  /** True when its log has said that a transaction was aborted, or a session given up. */
  get hasAborted(): boolean {
    return this.messages.some((message) => /aborts a transaction|begins again/.test(message));
  }
  /** Lets something happen right before the next such step of a commit; resolves when it has. */
  async before(step: TransactionStep, happens: () => void): Promise<void> {
    let done = false;
    this.#armed = {
      step,
      happens: () => {
        done = true;
        happens();
      },
    };
    await until(`the step ${step} to come`, () => done, LIMIT_MS);
  }
  /** Writes in the background from now on. */
  writeSteadily(perSecond: number): void {
    const stop = new AbortController();
    const writing = this.load.writeSteadily(perSecond, stop.signal);
    writing.catch(() => undefined);
    this.#stopWriting = () => {
      stop.abort();
      return writing;
    };
  }
  /** Resolves when all that is written by now is processed. */
  async keepsUp(): Promise<void> {
    const goal = this.load.written;
    const processed = async () => {
      if (this.#failure !== null) throw this.#failure;
      const offsets = await this.kafka.committedOffsets(this.name, inputTopic(this.name)).catch(() => []);
      return offsets.reduce((sum, offset) => sum + Math.max(0, offset), 0);
    };
    await until(`${goal} steps to be processed`, async () => (await processed()) >= goal, LIMIT_MS);
  }
  /** Stops writing, lets everything be processed, stops, and holds it against what was written. */
  async expectExact(without: readonly number[] = []): Promise<void> {
    await this.#stopWriting();
    const caughtUp = () => isCaughtUp(this.kafka, this.name).catch(() => false);
    await until(`all ${this.load.written} steps to be processed`, caughtUp, LIMIT_MS);
    await this.#running!.stop();
    const check = await checkTally(this.kafka, this.#registry, this.name, this.load.written, without);
    expect(check.mistakes).toEqual([]);
    expect(check.outputs).toBe(this.load.written - without.length);
  }
  async close(): Promise<void> {
    await this.#stopWriting().catch(() => undefined);
    await this.#running?.stop().catch(() => undefined);
    await this.#kafkaOfTopology?.close();
    await this.kafka.close();
  }

  async #run(): Promise<void> {
    const { name, brokers, folder } = this.#options;
    const log = pipeLog('info', (entry) => this.messages.push((JSON.parse(entry) as { msg: string }).msg));
    this.#kafkaOfTopology = await openKafka({ brokers, clientId: name, log });
    this.#running = await runTopology(tallies(name), {
      kafka: this.#kafkaOfTopology,
      brokers,
      registry: this.#registry,
      stateFolder: folder,
      topicConfig,
      log,
      metrics: new Metrics(),
      commitIntervalMs: 50,
      sessionTimeoutMs: 3_000,
      transactionTimeoutMs: 4_000,
      onStep: (step) => {
        const armed = this.#armed;
        if (armed?.step !== step) return;
        this.#armed = null;
        armed.happens();
      },
    });
    this.#running.done.catch((error) => {
      this.#failure = error;
    });
  }
}
