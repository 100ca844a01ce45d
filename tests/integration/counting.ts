import { topicConfig } from '#schemas/topics.ts';
import { type Kafka, type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import type { StreamRecord, TopologyDefinition } from '#streams/topology/types.ts';

const STEP: AvroSchema = { type: 'record', name: 'Step', fields: [{ name: 'number', type: 'long' }] };
const COUNT: AvroSchema = {
  type: 'record',
  name: 'Count',
  fields: [
    { name: 'count', type: 'long' },
    { name: 'sum', type: 'long' },
  ],
};
interface Count {
  count: number;
  sum: number;
}
/** A step that the topology cannot process. */
export const IMPOSSIBLE_STEP = -1;

/** Counts and sums the steps of each key, one output per input: worker threads and processes load it by its name. */
export const counting = (name: string): TopologyDefinition => ({
  name,
  version: 1,
  sources: { steps: { topic: `${name}.in`, value: STEP, onPoison: 'FAIL' } },
  processors: {
    count: {
      inputs: ['steps'],
      stores: ['counts'],
      create: (context) => {
        const counts = context.store<Count>('counts');
        return {
          process: ({ key, value, timestampMs }: StreamRecord<{ number: number }>) => {
            if (value.number === IMPOSSIBLE_STEP) return context.reject('STEP_IMPOSSIBLE', 'a step is impossible');
            const old = counts.get(key!) ?? { count: 0, sum: 0 };
            const next = { count: old.count + 1, sum: old.sum + value.number };
            counts.put(key!, next);
            context.forward('out', key!, next, timestampMs);
          },
        };
      },
    },
  },
  stores: { counts: { value: COUNT } },
  sinks: { out: { inputs: ['count'], topic: `${name}.out`, value: COUNT } },
});

/** Writes steps to one counting topology, and reads back what it made of them. */
export class CountingLoad {
  readonly #kafka: Kafka;
  readonly #registry: SchemaRegistry;
  readonly #name: string;
  readonly #expected = new Map<string, Count>();
  #written = 0;

  constructor(kafka: Kafka, registry: SchemaRegistry, name: string) {
    this.#kafka = kafka;
    this.#registry = registry;
    this.#name = name;
  }
  get written(): number {
    return this.#written;
  }
  async prepare(partitions: number): Promise<void> {
    const topics = [`${this.#name}.in`, `${this.#name}.out`];
    await this.#kafka.createTopics(topics.map((name) => ({ name, partitions, config: topicConfig('delete') })));
  }
  async write(steps: number): Promise<void> {
    const serde = await topicSerde<{ number: number }>(this.#registry, `${this.#name}.in`, STEP);
    const producer = await this.#kafka.openProducer();
    for (let left = steps; left > 0; left--) {
      const number = this.#written++;
      const key = `k${number % 40}`;
      const old = this.#expected.get(key) ?? { count: 0, sum: 0 };
      this.#expected.set(key, { count: old.count + 1, sum: old.sum + number });
      const timestampMs = 631_152_000_000 + number;
      await producer.send({ topic: `${this.#name}.in`, key, value: serde.encode({ number }), timestampMs });
    }
    await producer.flush();
    await producer.close();
  }
  async writeImpossible(): Promise<void> {
    const serde = await topicSerde<{ number: number }>(this.#registry, `${this.#name}.in`, STEP);
    const producer = await this.#kafka.openProducer();
    const value = serde.encode({ number: IMPOSSIBLE_STEP });
    await producer.send({ topic: `${this.#name}.in`, key: 'k0', value, timestampMs: 631_152_000_000 });
    await producer.flush();
    await producer.close();
  }
  /** Inputs that are committed as processed. */
  async committed(): Promise<number> {
    const offsets = await this.#kafka.committedOffsets(this.#name, `${this.#name}.in`);
    return offsets.reduce((sum, offset) => sum + Math.max(0, offset), 0);
  }
  /** What the committed outputs say that should not be: empty when every key counts one by one up to all that was written. */
  async mistakes(): Promise<string[]> {
    const topic = `${this.#name}.out`;
    const serde = await topicSerde<Count>(this.#registry, topic, COUNT);
    const ends = await this.#kafka.offsets(topic, 'latest-stable');
    const reader = await this.#kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
    const found = new Map<string, Count>();
    const mistakes: string[] = [];
    while (ends.some((end, partition) => reader.position(topic, partition) < end)) {
      for (const { records } of await reader.poll()) {
        for (const record of records) {
          const key = record.key!.toString();
          const value = serde.decode(record.value!);
          const expected = (found.get(key)?.count ?? 0) + 1;
          if (value.count !== expected) mistakes.push(`${key}: ${value.count} where ${expected} comes next`);
          found.set(key, value);
        }
      }
    }
    await reader.close();
    for (const [key, { count, sum }] of this.#expected) {
      const last = found.get(key);
      if (last?.count !== count || last.sum !== sum) mistakes.push(`${key} ends with ${JSON.stringify(last)}`);
    }
    return mistakes;
  }
}
