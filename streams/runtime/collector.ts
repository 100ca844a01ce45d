import type { Counter } from 'prom-client';
import { murmur2Partition } from '../kafka/murmur2.ts';
import type { AvroSerde } from '../kafka/serde.ts';
import type { TransactionalProducer } from '../kafka/transactions.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { CompiledOutput } from '../topology/topology.ts';
import type { RecordCollector } from './task.ts';

/** An output topic as the running topology needs it. */
export interface OutputTopic {
  readonly serde: AvroSerde<unknown>;
  readonly partitions: number;
}
/** Largest record we send, bytes: the broker's default limit of 1 MiB less room for batch and record headers. */
export const MAX_RECORD_BYTES = 1_000_000;
const CACHED_KEYS = 100_000;

/** Encodes a task's outputs straight into the open transaction. */
export class TransactionCollector implements RecordCollector {
  readonly #producer: TransactionalProducer;
  readonly #topics: ReadonlyMap<string, OutputTopic>;
  readonly #events: Counter<'processor' | 'event'>;
  readonly #routes = new Map<string, Map<string, { key: Buffer; partition: number }>>();
  #scratch = Buffer.allocUnsafe(64 * 1024);

  constructor(
    producer: TransactionalProducer,
    topics: ReadonlyMap<string, OutputTopic>,
    events: Counter<'processor' | 'event'>,
  ) {
    this.#producer = producer;
    this.#topics = topics;
    this.#events = events;
  }

  send(output: CompiledOutput, key: string, value: unknown, timestampMs: number): void {
    const topic = this.#topics.get(output.topic)!;
    const route = this.#route(output, topic, key);
    if (value === null) {
      this.#producer.append(output.topic, route.partition, route.key, 0, route.key.length, null, 0, 0, timestampMs);
      return;
    }
    const end = this.#encode(topic.serde, value, output.topic);
    if (end + route.key.length > MAX_RECORD_BYTES) {
      throw new TidemarkError(
        'RECORD_TOO_LARGE',
        `A record for ${output.topic} has ${end} bytes, more than ${MAX_RECORD_BYTES}`,
      );
    }
    this.#producer.append(
      output.topic,
      route.partition,
      route.key,
      0,
      route.key.length,
      this.#scratch,
      0,
      end,
      timestampMs,
    );
  }

  count(processor: string, event: string): void {
    this.#events.inc({ processor, event });
  }

  #encode(serde: AvroSerde<unknown>, value: unknown, topic: string): number {
    for (;;) {
      const end = serde.encodeInto(value, this.#scratch, 0);
      if (end >= 0) return end;
      const length = this.#scratch.length - end;
      // Grown once past the limit, so that the record is measured; what is larger still is refused here.
      if (length > 16 * MAX_RECORD_BYTES)
        throw new TidemarkError('RECORD_TOO_LARGE', `A record for ${topic} has over ${length} bytes`);
      this.#scratch = Buffer.allocUnsafe(length * 2);
    }
  }

  #route(output: CompiledOutput, topic: OutputTopic, key: string): { key: Buffer; partition: number } {
    let routes = this.#routes.get(output.topic);
    if (!routes) {
      routes = new Map();
      this.#routes.set(output.topic, routes);
    }
    let route = routes.get(key);
    if (!route) {
      route = { key: Buffer.from(key), partition: murmur2Partition(output.partitionKey(key), topic.partitions) };
      if (routes.size >= CACHED_KEYS) routes.clear();
      routes.set(key, route);
    }
    return route;
  }
}
