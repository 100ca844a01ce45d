import { type Connection, createAPI, ProtocolError, Writer } from '@platformatic/kafka';
import type { AbortedTransaction } from './batch-cursor.ts';
import { BoundedReader } from './bounded-reader.ts';

export interface FetchRequest {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly isolation: 'read_committed' | 'read_uncommitted';
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly fetchOffset: number;
    readonly maxBytes: number;
  }[];
}
export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly abortedTransactions: readonly AbortedTransaction[];
  /** Raw record batches, the last one perhaps cut off; null when there is nothing. */
  readonly records: Buffer | null;
}
export interface ProduceRequest {
  readonly transactionalId: string | null;
  /** At most one batch per partition. */
  readonly batches: readonly { readonly topic: string; readonly partition: number; readonly batch: Buffer }[];
}
export interface ProducedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  /** Offset of the batch's first record; -1 with an error. */
  readonly baseOffset: number;
}

const ALL_REPLICAS = -1;
const PRODUCE_TIMEOUT_MS = 30_000;

/** Fetch v12: the last one that names topics, so that no id has to be looked up. The response's batches stay raw bytes. */
const fetchApi = createAPI<[FetchRequest], FetchedPartition[]>(
  1,
  12,
  (request: FetchRequest) => {
    const byTopic = [...Map.groupBy(request.partitions, ({ topic }) => topic)];
    return Writer.create()
      .appendInt32(-1)
      .appendInt32(request.maxWaitMs)
      .appendInt32(request.minBytes)
      .appendInt32(request.maxBytes)
      .appendInt8(request.isolation === 'read_committed' ? 1 : 0)
      .appendInt32(0)
      .appendInt32(-1)
      .appendArray(byTopic, (writer, [topic, partitions]) => {
        writer.appendString(topic).appendArray(partitions, (inner, { partition, fetchOffset, maxBytes }) => {
          inner
            .appendInt32(partition)
            .appendInt32(-1)
            .appendInt64(BigInt(fetchOffset))
            .appendInt32(-1)
            .appendInt64(-1n)
            .appendInt32(maxBytes);
        });
      })
      .appendArray([], () => {})
      .appendString('')
      .appendTaggedFields();
  },
  (_correlationId, _apiKey, _apiVersion, response) => {
    const reader = new BoundedReader(response.buffer);
    const fetched: FetchedPartition[] = [];
    reader.readInt32();
    const requestError = reader.readInt16();
    if (requestError !== 0) throw new ProtocolError(requestError);
    reader.readInt32();
    reader.readArray((outer) => {
      const topic = outer.readString();
      outer.readArray((inner) => {
        const partition = inner.readInt32();
        const errorCode = inner.readInt16();
        const highWatermark = Number(inner.readInt64());
        const lastStableOffset = Number(inner.readInt64());
        inner.readInt64();
        const aborted =
          inner.readArray((r) => ({ producerId: r.readInt64(), firstOffset: Number(r.readInt64()) })) ?? [];
        inner.readInt32();
        const length = inner.readUnsignedVarInt() - 1;
        // A copy, or a view of one chunk that the socket read: neither is written again.
        const records = length > 0 ? (inner.buffer.slice(inner.position, inner.position + length) as Buffer) : null;
        if (length > 0) inner.skip(length);
        fetched.push({
          topic,
          partition,
          errorCode,
          highWatermark,
          lastStableOffset,
          abortedTransactions: aborted,
          records,
        });
      });
    });
    return fetched;
  },
);

/** Produce v9, acks all. Errors come back per partition, not as exceptions. */
const produceApi = createAPI<[ProduceRequest], ProducedPartition[]>(
  0,
  9,
  ({ transactionalId, batches }: ProduceRequest) =>
    Writer.create()
      .appendString(transactionalId)
      .appendInt16(ALL_REPLICAS)
      .appendInt32(PRODUCE_TIMEOUT_MS)
      .appendArray([...Map.groupBy(batches, ({ topic }) => topic)], (writer, [topic, entries]) => {
        writer.appendString(topic).appendArray(entries, (inner, { partition, batch }) => {
          inner
            .appendInt32(partition)
            .appendUnsignedVarInt(batch.length + 1)
            .append(batch);
        });
      })
      .appendTaggedFields(),
  (_correlationId, _apiKey, _apiVersion, response) => {
    const reader = new BoundedReader(response.buffer);
    const produced: ProducedPartition[] = [];
    reader.readArray((outer) => {
      const topic = outer.readString();
      outer.readArray((inner) => {
        const partition = inner.readInt32();
        const errorCode = inner.readInt16();
        const baseOffset = Number(inner.readInt64());
        inner.readInt64();
        inner.readInt64();
        inner.readArray((r) => {
          r.readInt32();
          r.readNullableString();
        });
        inner.readNullableString();
        produced.push({ topic, partition, errorCode, baseOffset });
      });
    });
    return produced;
  },
);

export const fetchRaw = (connection: Connection, request: FetchRequest): Promise<FetchedPartition[]> =>
  fetchApi.async(connection, request);
export const produceRaw = (connection: Connection, request: ProduceRequest): Promise<ProducedPartition[]> =>
  produceApi.async(connection, request);
