import { topicConfig } from '#schemas/topics.ts';
import { type Kafka, type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import type { StreamRecord, TopologyDefinition } from '#streams/topology/types.ts';

export const STEP: AvroSchema = {
  type: 'record',
  name: 'Step',
  fields: [
    { name: 'number', type: 'long' },
    { name: 'note', type: 'string' },
  ],
};
export const TALLY: AvroSchema = {
  type: 'record',
  name: 'Tally',
  fields: [
    { name: 'count', type: 'long' },
    { name: 'sum', type: 'long' },
    { name: 'number', type: 'long' },
    { name: 'note', type: 'string' },
  ],
};
export interface Step {
  number: number;
  note: string;
}
export interface Tally extends Step {
  count: number;
  sum: number;
}
const KEYS = 40;
const GROUPS = 10;
/** Event times of 1990: what brokers make of them is part of what is tried. */
const EPOCH_MS = 631_152_000_000;

export const inputTopic = (name: string): string => `${name}.in`;
export const outputTopic = (name: string): string => `${name}.out`;
export const repartitionTopic = (name: string): string => `${name}.by-group.repartition`;
export const changelogTopic = (name: string): string => `${name}.totals.changelog`;

/** Counts and sums steps by group, behind a repartition. Each step gives one output, which shows the count and sum it has led to. */
export const tallies = (name: string): TopologyDefinition => ({
  name,
  version: 1,
  sources: { steps: { topic: inputTopic(name), value: STEP, onPoison: 'DEAD_LETTER' } },
  processors: {
    group: {
      inputs: ['steps'],
      create: (context) => ({
        process: ({ value, timestampMs }: StreamRecord<Step>) =>
          context.forward('by-group', `g${value.number % GROUPS}`, value, timestampMs),
      }),
    },
    tally: {
      inputs: ['by-group'],
      stores: ['totals'],
      create: (context) => {
        const totals = context.store<Tally>('totals');
        return {
          process: ({ key, value: { number, note }, timestampMs }: StreamRecord<Step>) => {
            const old = totals.get(key!) ?? { count: 0, sum: 0 };
            const next = { count: old.count + 1, sum: old.sum + number, number, note };
            totals.put(key!, { ...next, note: '' });
            context.forward('tallies', key!, next, timestampMs);
          },
        };
      },
    },
  },
  stores: { totals: { value: TALLY } },
  repartitions: { 'by-group': { inputs: ['group'], value: STEP } },
  sinks: { tallies: { inputs: ['tally'], topic: outputTopic(name), value: TALLY } },
});

/** Creates the topics of one tally. */
export async function prepareTally(kafka: Kafka, name: string, partitions: number): Promise<void> {
  const topics = [inputTopic(name), outputTopic(name)];
  await kafka.createTopics(topics.map((topic) => ({ name: topic, partitions, config: topicConfig('delete') })));
}

/** Writes steps, numbered from 0 on. */
export class TallyLoad {
  readonly #kafka: Kafka;
  readonly #registry: SchemaRegistry;
  readonly #name: string;
  #written = 0;

  constructor(kafka: Kafka, registry: SchemaRegistry, name: string) {
    this.#kafka = kafka;
    this.#registry = registry;
    this.#name = name;
  }
  /** Steps written, which are also the numbers written: 0 to this. */
  get written(): number {
    return this.#written;
  }
  /** Resolves when all are acknowledged. */
  async write(steps: number, note = ''): Promise<void> {
    const stop = new AbortController();
    const last = this.#written + steps;
    await this.#portions(note, stop.signal, async () => {
      if (this.#written >= last) stop.abort();
      return last - this.#written;
    });
  }
  /** Writes until told to stop, about so many a second; what was written is acknowledged when it resolves. */
  async writeSteadily(perSecond: number, signal: AbortSignal): Promise<void> {
    const startMs = performance.now();
    const first = this.#written;
    await this.#portions('', signal, async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return Math.floor(((performance.now() - startMs) * perSecond) / 1_000) - (this.#written - first);
    });
  }
  async #portions(note: string, signal: AbortSignal, next: () => Promise<number>): Promise<void> {
    const serde = await topicSerde<Step>(this.#registry, inputTopic(this.#name), STEP);
    const producer = await this.#kafka.openProducer();
    while (!signal.aborted) {
      for (let left = await next(); left > 0; left--) {
        const number = this.#written++;
        await producer.send({
          topic: inputTopic(this.#name),
          key: `k${number % KEYS}`,
          value: serde.encode({ number, note }),
          timestampMs: EPOCH_MS + number,
        });
      }
    }
    await producer.close();
  }
}

/** True when the group has processed everything that can be read of the input, and of what it made of that. */
export async function isCaughtUp(kafka: Kafka, name: string): Promise<boolean> {
  for (const topic of [inputTopic(name), repartitionTopic(name)]) {
    const committed = await kafka.committedOffsets(name, topic, { requireStable: true });
    const ends = await kafka.offsets(topic, 'latest-stable');
    const open = await kafka.offsets(topic, 'latest');
    if (ends.some((end, partition) => end !== open[partition] || Math.max(0, committed[partition]!) < end))
      return false;
  }
  return true;
}

export interface TallyCheck {
  readonly outputs: number;
  /** What should not be: empty when all is exact. */
  readonly mistakes: readonly string[];
}
/**
 * Holds the committed outputs against what was written: every step is counted once, each group's counts go up one by one, and each
 * sum is the one before and the step. `without` are numbers that must not be counted.
 */
export async function checkTally(
  kafka: Kafka,
  registry: SchemaRegistry,
  name: string,
  written: number,
  without: readonly number[] = [],
): Promise<TallyCheck> {
  const mistakes: string[] = [];
  const input = new Map<number, number>();
  await readAll<Step>(kafka, registry, inputTopic(name), STEP, ({ number }) => {
    input.set(number, (input.get(number) ?? 0) + 1);
  });
  for (let number = 0; number < written; number++)
    if (input.get(number) !== 1) mistakes.push(`step ${number} is ${input.get(number) ?? 0} times in the input`);
  if (input.size !== written) mistakes.push(`the input has ${input.size} numbers, ${written} were written`);
  const last = new Map<string, Tally>();
  const counted = new Map<number, number>();
  let outputs = 0;
  await readAll<Tally>(kafka, registry, outputTopic(name), TALLY, (tally, group) => {
    outputs++;
    const { count, sum, number } = tally;
    const before = last.get(group) ?? { count: 0, sum: 0 };
    if (count !== before.count + 1) mistakes.push(`${group}: count ${count} follows ${before.count}`);
    if (sum !== before.sum + number) mistakes.push(`${group}: sum ${sum} follows ${before.sum} with step ${number}`);
    if (group !== `g${number % GROUPS}`) mistakes.push(`${group}: step ${number} is not of this group`);
    counted.set(number, (counted.get(number) ?? 0) + 1);
    last.set(group, tally);
  });
  for (let number = 0; number < written; number++) {
    const times = counted.get(number) ?? 0;
    if (times !== (without.includes(number) ? 0 : 1)) mistakes.push(`step ${number} is counted ${times} times`);
  }
  return { outputs, mistakes: mistakes.slice(0, 50) };
}

async function readAll<T>(
  kafka: Kafka,
  registry: SchemaRegistry,
  topic: string,
  schema: AvroSchema,
  take: (value: T, key: string) => void,
): Promise<void> {
  const serde = await topicSerde<T>(registry, topic, schema);
  const ends = await kafka.offsets(topic, 'latest-stable');
  const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
  try {
    while (ends.some((end, partition) => reader.position(topic, partition) < end)) {
      for (const { records } of await reader.poll())
        for (const { key, value } of records) take(serde.decode(value!), key!.toString());
    }
  } finally {
    await reader.close();
  }
}
