import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { topicConfig } from '#schemas/topics.ts';
import {
  type AvroSerde,
  type Kafka,
  openKafka,
  type Producer,
  type Reader,
  SchemaRegistry,
  topicSerde,
} from '#streams/kafka/index.ts';
import { silentLog } from '#streams/kit/log.ts';
import { type Services, startServices, until } from '#tests/integration/harness.ts';
import type { Contender } from './engine/contender.ts';
import { keyOf } from './engine/data.ts';
import { startScript } from './engine/runs.ts';
import { machine, spread } from './figures.ts';
import { ENTRY, type Entry, HOLDING, type Holding, PAYLOAD_BYTES, PULSE } from './keeper.ts';
import type { BenchOptions } from './options.ts';

const KEYS = 1_000_000;
const PARTITIONS = 4;
const NAME = 'bench-keeper';
const INPUT = `${NAME}.in`;
const OUTPUT = `${NAME}.out`;
const PULSES = `${NAME}.pulses`;
const PULSE_EVERY_MS = 5;
const COMMIT_INTERVAL_MS = 100;
const CHECKPOINT_INTERVAL_MS = 5_000;
/** What is being processed while the process is killed, records. */
const UNDER_WAY = 200_000;
const LIMIT_MS = 300_000;

interface Comeback {
  /** From the start of the process until every task processes. */
  readonly secondsToReady: number;
  /** From the beginning of the restore. */
  readonly restoreSeconds: number;
  /** From the start of the process until an answer of every partition is committed. */
  readonly secondsToAnswer: number;
  /**
   * Records per second that other tasks processed during the restore (200 are sent), and the longest stretch without
   * one.
   */
  readonly othersPerSecond: number;
  readonly othersLongestGapMs: number;
}

/**
 * A million keys of 100 bytes: killed by SIGKILL in the middle of a load, after a checkpoint, and started again with its state folder; then
 * stopped and started again without it, from the changelog alone, while other tasks have work. After each, every key
 * must be there and no input counted twice or lost.
 */
export async function restoreBenchmark({ pairs, records, log }: BenchOptions): Promise<unknown> {
  const keys = records ?? KEYS;
  const services = await startServices({ kafka: true, registry: true });
  const kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'bench', log: silentLog });
  try {
    const bench = await Keeper.prepare(services, kafka, keys);
    log(`writing ${keys} keys and waiting until they are kept`);
    await bench.write(keys);
    await bench.start();
    await bench.committed(keys);
    const warm: Comeback[] = [];
    const cold: Comeback[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      await bench.killUnderLoad();
      warm.push(await bench.comeBack());
      log(`pair ${pair + 1}, after kill -9: ${JSON.stringify(warm.at(-1))}`);
      await bench.loseState();
      cold.push(await bench.comeBack());
      log(`pair ${pair + 1}, without its state folder: ${JSON.stringify(cold.at(-1))}`);
    }
    await bench.close();
    const seconds = (of: Comeback[], what: keyof Comeback) =>
      spread(
        of.map((each) => each[what]),
        2,
      );
    return {
      benchmark: 'restore',
      machine: machine(),
      keys,
      rowBytes: 100,
      partitions: PARTITIONS,
      pairs,
      afterKill: { secondsToReady: seconds(warm, 'secondsToReady'), secondsToAnswer: seconds(warm, 'secondsToAnswer') },
      cold: {
        keysPerSecond: spread(cold.map(({ restoreSeconds }) => keys / restoreSeconds)),
        secondsToReady: seconds(cold, 'secondsToReady'),
        othersPerSecond: seconds(cold, 'othersPerSecond'),
        othersLongestGapMs: seconds(cold, 'othersLongestGapMs'),
      },
      runs: { afterKill: warm, cold },
    };
  } finally {
    await kafka.close();
    await services.stop();
  }
}

/** The topology under test from outside: what was written to it, its process and its answers. */
class Keeper {
  readonly #services: Services;
  readonly #kafka: Kafka;
  readonly #keys: number;
  readonly #producer: Producer;
  readonly #entries: AvroSerde<Entry>;
  readonly #holdings: AvroSerde<Holding>;
  readonly #pulses: AvroSerde<{ number: number }>;
  readonly #answers: Reader;
  readonly #stateFolder = mkdtempSync(join(tmpdir(), 'tidemark-bench-'));
  readonly #payload = Buffer.alloc(PAYLOAD_BYTES, 'tidemark');
  #process: Contender | null = null;
  #startMs = 0;
  #written = 0;
  #probes = 0;

  private constructor(
    parts: { services: Services; kafka: Kafka; producer: Producer; answers: Reader; keys: number },
    serdes: { entries: AvroSerde<Entry>; holdings: AvroSerde<Holding>; pulses: AvroSerde<{ number: number }> },
  ) {
    this.#services = parts.services;
    this.#kafka = parts.kafka;
    this.#producer = parts.producer;
    this.#answers = parts.answers;
    this.#keys = parts.keys;
    this.#entries = serdes.entries;
    this.#holdings = serdes.holdings;
    this.#pulses = serdes.pulses;
  }

  static async prepare(services: Services, kafka: Kafka, keys: number): Promise<Keeper> {
    const config = topicConfig('delete');
    const names = [INPUT, OUTPUT, PULSES, `${OUTPUT}.beats`];
    await kafka.createTopics(names.map((name) => ({ name, partitions: PARTITIONS, config })));
    const registry = new SchemaRegistry(services.registryUrl);
    const serdes = {
      entries: await topicSerde<Entry>(registry, INPUT, ENTRY),
      holdings: await topicSerde<Holding>(registry, OUTPUT, HOLDING),
      pulses: await topicSerde<{ number: number }>(registry, PULSES, PULSE),
    };
    const answers = await kafka.openReader({ topics: [{ topic: OUTPUT, from: 'earliest' }] });
    return new Keeper({ services, kafka, producer: await kafka.openProducer(), answers, keys }, serdes);
  }

  /** Writes every key once more, or as many as asked for. */
  async write(count: number): Promise<void> {
    const value = this.#entries.encode({ payload: this.#payload, isProbe: false });
    for (let n = 0; n < count; n++) {
      const full = this.#producer.send({ topic: INPUT, key: keyOf(n % this.#keys), value, timestampMs: Date.now() });
      if (full) await full;
    }
    await this.#producer.flush();
    this.#written += count;
  }

  async start(): Promise<void> {
    const { kafkaBrokers: brokers, registryUrl } = this.#services;
    this.#startMs = Date.now();
    this.#process = startScript('keeper.ts', {
      brokers,
      registryUrl,
      name: NAME,
      input: INPUT,
      output: OUTPUT,
      pulses: PULSES,
      stateFolder: this.#stateFolder,
      commitIntervalMs: COMMIT_INTERVAL_MS,
      checkpointIntervalMs: CHECKPOINT_INTERVAL_MS,
    });
  }

  /** Waits until so many records, probes included, are committed as done. */
  async committed(count: number): Promise<void> {
    await this.#orFailure(
      until(`${count} records to be committed`, async () => (await this.#position()) >= count, LIMIT_MS),
    );
  }

  /** Kills it in the middle of a load, some time after its checkpoints were written: what comes back has both to read. */
  async killUnderLoad(): Promise<void> {
    const before = this.#written + this.#probes;
    await this.committed(before);
    await sleep(2 * CHECKPOINT_INTERVAL_MS);
    const saved = readdirSync(join(this.#stateFolder, NAME, 'checkpoints'));
    if (saved.length < PARTITIONS)
      throw new Error(`Of ${PARTITIONS} checkpoints there are ${saved.join(', ') || 'none'}`);
    await this.write(UNDER_WAY);
    await this.committed(before + 1);
    await this.#process!.kill();
  }

  /** Stops it in order, so that no session or transaction has to run out, and removes its folder. */
  async loseState(): Promise<void> {
    await this.#process!.stop();
    rmSync(this.#stateFolder, { recursive: true, force: true });
  }

  /** Starts it, with a question for each partition waiting, and checks the answers. */
  async comeBack(): Promise<Comeback> {
    const probe = this.#entries.encode({ payload: Buffer.alloc(0), isProbe: true });
    for (let partition = 0; partition < PARTITIONS; partition++)
      await this.#producer.send({
        topic: INPUT,
        key: `probe-${partition}`,
        value: probe,
        timestampMs: Date.now(),
        partition,
      });
    await this.#producer.flush();
    this.#probes += PARTITIONS;
    await this.start();
    const pulse = setInterval(() => this.#pulse(), PULSE_EVERY_MS);
    const end = new AbortController();
    const holdings = await this.#orFailure(this.#nextAnswers(end.signal)).finally(() => {
      clearInterval(pulse);
      end.abort();
    });
    const answeredMs = Date.now();
    const keys = holdings.reduce((sum, holding) => sum + holding.keys, 0);
    const updates = holdings.reduce((sum, holding) => sum + holding.updates, 0);
    if (keys !== this.#keys || updates !== this.#written)
      throw new Error(`It has ${keys} keys and ${updates} updates; ${this.#keys} and ${this.#written} were written`);
    const said = (name: string) => this.#process!.messages.find((message) => message[name] !== undefined);
    await until('the process to say that it is ready', () => said('readyMs') !== undefined, LIMIT_MS);
    const { readyMs, pulses, longestGapMs } = said('readyMs') as Record<string, number>;
    const restoreSeconds = (readyMs! - (said('restoringMs')?.restoringMs ?? readyMs!)) / 1000;
    return {
      secondsToReady: (readyMs! - this.#startMs) / 1000,
      restoreSeconds,
      secondsToAnswer: (answeredMs - this.#startMs) / 1000,
      othersPerSecond: Math.round(pulses! / restoreSeconds),
      othersLongestGapMs: Math.round(longestGapMs!),
    };
  }

  async close(): Promise<void> {
    await this.#process?.stop();
    await this.#producer.close();
    await this.#answers.close();
    rmSync(this.#stateFolder, { recursive: true, force: true });
  }

  #pulse(): void {
    const now = Date.now();
    const value = this.#pulses.encode({ number: now });
    void this.#producer.send({ topic: PULSES, key: 'pulse', value, timestampMs: now, partition: now % PARTITIONS });
  }
  async #nextAnswers(signal: AbortSignal): Promise<Holding[]> {
    const holdings: Holding[] = [];
    const deadline = Date.now() + LIMIT_MS;
    while (holdings.length < PARTITIONS && !signal.aborted) {
      if (Date.now() > deadline) throw new Error(`${holdings.length} of ${PARTITIONS} partitions have answered`);
      for (const { records } of await this.#answers.poll(signal))
        holdings.push(...records.map(({ value }) => this.#holdings.decode(value!)));
    }
    return holdings;
  }

  async #position(): Promise<number> {
    const offsets = await this.#kafka.committedOffsets(NAME, INPUT);
    return offsets.reduce((sum, offset) => sum + Math.max(0, offset), 0);
  }

  #orFailure<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#process!.failed]);
  }
}
