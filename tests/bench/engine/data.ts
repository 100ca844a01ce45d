import { topicConfig } from '#schemas/topics.ts';
import { type Kafka, type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { Random } from '#streams/kit/random.ts';
import {
  after,
  type BenchPnl,
  type BenchPosition,
  type BenchTrade,
  EMPTY,
  type OutputMode,
  PNL,
  pnlOf,
  TRADE,
} from '../job.ts';

const START_MS = 1_700_000_000_000;
const KEY_DIGITS = 7;

/** What must come out, by the number of the key. */
export interface Expected {
  readonly records: number;
  /** Keys that were drawn at all. */
  readonly keys: number;
  readonly counts: Int32Array;
  readonly quantity: Float64Array;
  readonly cost: Float64Array;
  readonly pnl: Float64Array;
}

export const keyOf = (number: number): string => `INS${String(number).padStart(KEY_DIGITS, '0')}`;

/** Trades of keys drawn evenly by a fixed seed, and what must come out of those drawn so far, computed beside them. */
export class TradeSource {
  readonly #random: Random;
  readonly #keys: number;
  readonly #positions = new Map<number, { position: BenchPosition; count: number }>();
  #records = 0;

  constructor(keys: number) {
    this.#keys = keys;
    this.#random = new Random(`${keys} keys`);
  }

  next(eventTime: number): { readonly key: string; readonly trade: BenchTrade } {
    const random = this.#random;
    const number = random.below(this.#keys);
    const side = random.below(2) === 0 ? 1 : -1;
    const trade = { eventTime, price: 100 + random.below(1000) / 100, quantity: side * (1 + random.below(100)) };
    const old = this.#positions.get(number);
    this.#positions.set(number, { position: after(old?.position ?? EMPTY, trade), count: (old?.count ?? 0) + 1 });
    this.#records++;
    return { key: keyOf(number), trade };
  }

  expected(): Expected {
    const keys = this.#keys;
    const expected = {
      records: this.#records,
      keys: this.#positions.size,
      counts: new Int32Array(keys),
      quantity: new Float64Array(keys),
      cost: new Float64Array(keys),
      pnl: new Float64Array(keys),
    };
    for (const [number, { position, count }] of this.#positions) {
      const { quantity, cost, pnl } = pnlOf(position);
      expected.counts[number] = count;
      expected.quantity[number] = quantity;
      expected.cost[number] = cost;
      expected.pnl[number] = pnl;
    }
    return expected;
  }
}

/** Writes trades one millisecond of event time apart; returns what must come out. */
export async function writeTrades(
  kafka: Kafka,
  registry: SchemaRegistry,
  options: { topic: string; partitions: number; keys: number; records: number },
): Promise<Expected> {
  const { topic, partitions, keys, records } = options;
  await kafka.createTopics([{ name: topic, partitions, config: topicConfig('delete') }]);
  const serde = await topicSerde<BenchTrade>(registry, topic, TRADE);
  const producer = await kafka.openProducer();
  const source = new TradeSource(keys);
  for (let n = 0; n < records; n++) {
    const timestampMs = START_MS + n;
    const { key, trade } = source.next(timestampMs * 1000);
    const full = producer.send({ topic, key, value: serde.encode(trade), timestampMs });
    if (full) await full;
  }
  await producer.close();
  return source.expected();
}

/**
 * Reads what was committed to an output topic and compares it with what must be there, to the last bit: the newest
 * value of every key, and how many there are of each (one per input, or no more than that). Returns the number of
 * outputs; throws on a difference.
 */
export async function checkOutputs(
  kafka: Kafka,
  registry: SchemaRegistry,
  options: { topic: string; mode: OutputMode; expected: Expected },
): Promise<number> {
  const { topic, mode, expected } = options;
  const serde = await topicSerde<BenchPnl>(registry, topic, PNL);
  const ends = await kafka.offsets(topic, 'latest-stable');
  const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }], maxBytes: 32 * 1024 * 1024 });
  const counts = new Int32Array(expected.counts.length);
  const newest: (BenchPnl | undefined)[] = new Array(expected.counts.length).fill(undefined);
  let outputs = 0;
  while (ends.some((end, partition) => reader.position(topic, partition) < end)) {
    for (const { records } of await reader.poll()) {
      for (const { key, value } of records) {
        const number = Number(key!.toString('latin1', 3));
        counts[number]!++;
        outputs++;
        newest[number] = serde.decode(value!);
      }
    }
  }
  await reader.close();
  const wrong: string[] = [];
  for (let number = 0; number < counts.length && wrong.length < 5; number++) {
    const [count, wanted] = [counts[number]!, expected.counts[number]!];
    const goodCount = mode === 'one-per-input' ? count === wanted : count <= wanted && count > 0 === wanted > 0;
    if (!goodCount) wrong.push(`${keyOf(number)} has ${count} outputs for ${wanted} inputs`);
    const value = newest[number];
    if (!value) continue;
    for (const field of ['quantity', 'cost', 'pnl'] as const) {
      if (!Object.is(value[field], expected[field][number]))
        wrong.push(`${keyOf(number)} has ${field} ${value[field]}, expected ${expected[field][number]}`);
    }
  }
  if (wrong.length > 0) throw new Error(`The outputs in ${topic} are wrong: ${wrong.join('; ')}`);
  return outputs;
}
