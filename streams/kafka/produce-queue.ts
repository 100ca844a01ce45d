import type { Connection } from '@platformatic/kafka';
import { type ProducedPartition, type ProduceRequest, produceRaw } from './codec/requests.ts';

type PartitionBatch = ProduceRequest['batches'][number];
interface Waiting {
  readonly entry: PartitionBatch;
  readonly resolve: (answer: ProducedPartition) => void;
  readonly reject: (error: unknown) => void;
}

/** A request stays well below the 100 MiB that a broker takes (`socket.request.max.bytes`). */
const REQUEST_BYTES = 16 * 1024 * 1024;

/**
 * Idempotent batches for one broker, one request at a time: what comes while a request is on its way leaves together in the next, so
 * that many small batches cost the broker few requests. The caller has at most one batch of a partition here.
 */
export class ProduceQueue {
  readonly #connection: () => Promise<Connection>;
  #waiting: Waiting[] = [];
  #sending = false;

  constructor(connection: () => Promise<Connection>) {
    this.#connection = connection;
  }

  /** The broker's answer for this batch, be it an error code; rejects as the whole request does. */
  send(entry: PartitionBatch): Promise<ProducedPartition> {
    const answer = new Promise<ProducedPartition>((resolve, reject) => this.#waiting.push({ entry, resolve, reject }));
    if (!this.#sending) {
      this.#sending = true;
      // Those that follow in this turn of the event loop come along.
      queueMicrotask(() => void this.#drain());
    }
    return answer;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) await this.#request(this.#take());
    this.#sending = false;
  }

  #take(): readonly Waiting[] {
    let bytes = 0;
    const end = this.#waiting.findIndex(({ entry }, index) => {
      bytes += entry.batch.length;
      return index > 0 && bytes > REQUEST_BYTES;
    });
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end);
  }

  async #request(taken: readonly Waiting[]): Promise<void> {
    try {
      const batches = taken.map(({ entry }) => entry);
      const answers = await produceRaw(await this.#connection(), { transactionalId: null, batches });
      for (const { entry, resolve } of taken) {
        resolve(answers.find(({ topic, partition }) => topic === entry.topic && partition === entry.partition)!);
      }
    } catch (error) {
      for (const { reject } of taken) reject(error);
    }
  }
}
