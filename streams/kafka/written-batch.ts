import type { Connection } from '@platformatic/kafka';
import { TidemarkError } from '../kit/errors.ts';
import { findBatch } from './codec/batch-cursor.ts';
import { fetchRaw } from './codec/requests.ts';

export interface SearchedBatch {
  readonly topic: string;
  readonly partition: number;
  /** As it was sent: found again by its producer's id, epoch and sequence number. */
  readonly batch: Buffer;
  /** Where the search begins: the batch cannot lie before. */
  readonly from: number;
  /** The log's end: what lies behind is not looked at. */
  readonly end: number;
}

const FETCH_BYTES = 4 * 1024 * 1024;
const FETCH_WAIT_MS = 100;

/**
 * The offset at which a batch lies in the log, or -1. Brokers know a producer's last batches by themselves, but forget them after a
 * day **by record time** (`producer.id.expiration.ms`): those of a replay of 1990 at every restart and every ten minutes. A batch
 * whose answer was lost is therefore looked for before it is sent again. Throws as a fetch does.
 */
export async function findWritten(connection: Connection, wanted: SearchedBatch): Promise<number> {
  const { topic, partition, batch, from, end } = wanted;
  for (let fetchOffset = from; fetchOffset < end; ) {
    const [answer] = await fetchRaw(connection, {
      maxWaitMs: FETCH_WAIT_MS,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      isolation: 'read_uncommitted',
      partitions: [{ topic, partition, fetchOffset, maxBytes: FETCH_BYTES }],
    });
    // Nothing, though the log goes on: another leader, most likely.
    if (answer!.errorCode !== 0 || answer!.records === null) {
      throw new TidemarkError('FETCH_REFUSED', `Looking for a batch in ${topic}/${partition} failed`, {
        cause: answer!.errorCode === 0 ? undefined : { apiCode: answer!.errorCode },
        retriable: true,
      });
    }
    const { baseOffset, next } = findBatch(answer!.records, batch);
    if (baseOffset >= 0) return baseOffset;
    fetchOffset = Math.max(fetchOffset, next);
  }
  return -1;
}
