import type { PoisonHandler } from './poison.ts';
import type { FetcherPort, MemberPort, ProducerPort } from './ports.ts';
import type { RecordLoop } from './record-loop.ts';
import type { TaskSet } from './task-set.ts';

/** What a thread holds from joining its group to losing the membership. */
export interface Session {
  readonly producer: ProducerPort;
  readonly tasks: TaskSet;
  readonly loop: RecordLoop;
  readonly poison: PoisonHandler;
  readonly member: MemberPort;
  /** The generation of the last cut. */
  generationId: number;
  fetcher: FetcherPort | null;
  /** The commit on its way, or null. Never rejects: what went wrong is in the producer's `failure`. */
  committing: Promise<void> | null;
  /** Whether the coordinator knows of the transaction that is filled. */
  begun: 'no' | 'asked' | 'yes';
  /** A wall-clock punctuator has run since the last cut: there may be something to commit although nothing was consumed. */
  punctuated: boolean;
  /** Records processed since the last cut. */
  uncutRecords: number;
  /** Records in the transaction that was cut last. */
  cutRecords: number;
  /**
   * A broker refuses for good what one of the next `remaining` records gives: they are processed `limit` a transaction, and half as many
   * after each refusal, until a transaction of one record is refused.
   */
  suspects: { limit: number; remaining: number } | null;
}
