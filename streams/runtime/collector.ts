import type { Counter } from 'prom-client';
import { murmur2Partition, murmur2PartitionOf } from '../kafka/murmur2.ts';
import type { AvroSerde } from '../kafka/serde.ts';
import type { OutputPartition } from '../kafka/transactions.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { CompiledOutput } from '../topology/topology.ts';
import type { RecordHeader } from '../topology/types.ts';
import type { ProducerPort } from './ports.ts';
import type { OutputPort, RecordCollector } from './task.ts';

/** An output topic as the running topology needs it. */
export interface OutputTopic {
  readonly serde: AvroSerde<unknown>;
  readonly partitions: number;
}
/** Largest record we send, bytes: the broker's default limit of 1 MiB less room for batch and record headers. */
export const MAX_RECORD_BYTES = 1_000_000;

/** Encodes a task's outputs straight into the open transaction. */
export class TransactionCollector implements RecordCollector {
  readonly #producer: ProducerPort;
  readonly #topics: ReadonlyMap<string, OutputTopic>;
  readonly #events: Counter<'processor' | 'event'>;

  constructor(
    producer: ProducerPort,
    topics: ReadonlyMap<string, OutputTopic>,
    events: Counter<'processor' | 'event'>,
  ) {
    this.#producer = producer;
    this.#topics = topics;
    this.#events = events;
  }

  port(output: CompiledOutput): OutputPort {
    return new TopicPort(this.#producer, output, this.#topics.get(output.topic)!);
  }
  count(processor: string, event: string): void {
    this.#events.inc({ processor, event });
  }
}

/** One output topic: key and value are encoded into buffers of its own, and copied into the batch of the partition. */
class TopicPort implements OutputPort {
  readonly #producer: ProducerPort;
  readonly #output: CompiledOutput;
  readonly #serde: AvroSerde<unknown>;
  readonly #targets: readonly OutputPartition[];
  #key = Buffer.allocUnsafe(1024);
  #value = Buffer.allocUnsafe(16 * 1024);

  constructor(producer: ProducerPort, output: CompiledOutput, topic: OutputTopic) {
    this.#producer = producer;
    this.#output = output;
    this.#serde = topic.serde;
    this.#targets = Array.from({ length: topic.partitions }, (_, partition) =>
      producer.target(output.topic, partition),
    );
  }

  send(key: string | null, value: unknown, timestampMs: number, headers: readonly RecordHeader[]): void {
    const { topic, partitionKey } = this.#output;
    if (key === null)
      throw new TidemarkError('KEY_MISSING', `A record for ${topic} has no key, and its partition goes by the key`);
    const keyEnd = this.#encodeKey(key);
    const count = this.#targets.length;
    const routeBy = partitionKey(key);
    const partition =
      routeBy === key ? murmur2PartitionOf(this.#key, 0, keyEnd, count) : murmur2Partition(routeBy, count);
    const target = this.#targets[partition]!;
    if (value === null) {
      this.#producer.append(target, this.#key, 0, keyEnd, null, 0, 0, timestampMs, headers);
      return;
    }
    const end = this.#encode(value);
    if (end + keyEnd > MAX_RECORD_BYTES)
      throw new TidemarkError(
        'RECORD_TOO_LARGE',
        `A record for ${topic} has ${end + keyEnd} bytes, more than ${MAX_RECORD_BYTES}`,
      );
    this.#producer.append(target, this.#key, 0, keyEnd, this.#value, 0, end, timestampMs, headers);
  }

  #encodeKey(key: string): number {
    if (key.length * 3 > this.#key.length) this.#key = Buffer.allocUnsafe(key.length * 6);
    const bytes = this.#key;
    for (let index = 0; index < key.length; index++) {
      const code = key.charCodeAt(index);
      if (code > 127) return bytes.write(key);
      bytes[index] = code;
    }
    return key.length;
  }
  #encode(value: unknown): number {
    for (;;) {
      const end = this.#serde.encodeInto(value, this.#value, 0);
      if (end >= 0) return end;
      const length = this.#value.length - end;
      // Grown once past the limit, so that the record is measured; what is larger still is refused here.
      if (length > 16 * MAX_RECORD_BYTES)
        throw new TidemarkError('RECORD_TOO_LARGE', `A record for ${this.#output.topic} has over ${length} bytes`);
      this.#value = Buffer.allocUnsafe(length * 2);
    }
  }
}
