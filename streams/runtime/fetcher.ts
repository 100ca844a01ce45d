import type { Cluster } from '../kafka/cluster.ts';
import { fetchRaw } from '../kafka/codec/requests.ts';
import { ConnectionPool } from '../kafka/connections.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { PartitionInput } from './input.ts';

const MAX_WAIT_MS = 50;
const MAX_BYTES = 16 * 1024 * 1024;
/** More than one whole batch of the largest size a topic of ours takes. */
const PARTITION_BYTES = 1280 * 1024;
/**
 * NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, KAFKA_STORAGE_ERROR,
 * OFFSET_NOT_AVAILABLE.
 */
const MOVED_CODES = new Set([6, 3, 74, 75, 56, 78]);
const OFFSET_OUT_OF_RANGE = 1;

/**
 * Keeps one fetch in flight per broker while the thread computes. One request holds every partition of the broker that has
 * room, so that one answer shows them all at about one moment: what the merge by event time rests on.
 */
export class Fetcher {
  readonly #cluster: Cluster;
  readonly #inputs: () => readonly PartitionInput[];
  readonly #wake: () => void;
  readonly #fail: (error: unknown) => void;
  readonly #connections: ConnectionPool;
  readonly #busy = new Set<number>();
  #closed = false;

  constructor(
    cluster: Cluster,
    inputs: () => readonly PartitionInput[],
    wake: () => void,
    fail: (error: unknown) => void,
  ) {
    this.#cluster = cluster;
    this.#connections = new ConnectionPool((broker) => cluster.newConnection(broker));
    this.#inputs = inputs;
    this.#wake = wake;
    this.#fail = fail;
  }

  /** Asks every broker without a fetch in flight for what has room. Call it whenever room may have come. */
  async request(): Promise<void> {
    const wanted = new Map<number, PartitionInput[]>();
    for (const input of this.#inputs()) {
      if (!input.wantsMore) continue;
      const leader = await this.#cluster.leader(input.topic, input.partition);
      const inputs = wanted.get(leader);
      if (inputs) inputs.push(input);
      else wanted.set(leader, [input]);
    }
    for (const [leader, inputs] of wanted) {
      if (this.#closed || this.#busy.has(leader)) continue;
      this.#busy.add(leader);
      this.#fetch(leader, inputs).then(
        () => {
          this.#busy.delete(leader);
          this.#wake();
        },
        (error) => {
          if (!this.#closed) this.#fail(error);
        },
      );
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#connections.close();
  }

  async #fetch(leader: number, inputs: readonly PartitionInput[]): Promise<void> {
    const connection = await this.#connections.get(leader);
    const offsets = inputs.map((input) => input.fetchOffset);
    const results = await fetchRaw(connection, {
      maxWaitMs: MAX_WAIT_MS,
      minBytes: 1,
      maxBytes: MAX_BYTES,
      isolation: 'read_committed',
      partitions: inputs.map((input, index) => ({
        topic: input.topic,
        partition: input.partition,
        fetchOffset: offsets[index]!,
        maxBytes: PARTITION_BYTES,
      })),
    });
    if (this.#closed) return;
    for (const result of results) {
      const index = inputs.findIndex((input) => input.topic === result.topic && input.partition === result.partition);
      const input = inputs[index];
      // After a seek (an abort) the answer belongs to a position that is no longer ours.
      if (!input || input.fetchOffset !== offsets[index]) continue;
      if (result.errorCode === 0) input.accept(result);
      else if (MOVED_CODES.has(result.errorCode)) await this.#cluster.refresh();
      else throw fetchError(input, result.errorCode);
    }
  }
}

function fetchError(input: PartitionInput, errorCode: number): TidemarkError {
  const position = { topic: input.topic, partition: input.partition, offset: input.fetchOffset };
  if (errorCode === OFFSET_OUT_OF_RANGE) {
    const message = `Offset ${position.offset} of ${position.topic}/${position.partition} is no longer there: records were deleted before they were read`;
    return new TidemarkError('OFFSET_OUT_OF_RANGE', `${message}; reset the group's offsets to accept the loss`, {
      position,
    });
  }
  return new TidemarkError(
    'FETCH_REFUSED',
    `Fetching ${position.topic}/${position.partition} failed with Kafka error ${errorCode}`,
    { position, retriable: true },
  );
}
