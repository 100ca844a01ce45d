import type { GroupCoordinator } from './group-coordinator.ts';
import { Code, type PartitionLog } from './partition-log.ts';
import type { World } from './world.ts';

type State = 'empty' | 'ongoing' | 'prepare-commit' | 'prepare-abort' | 'complete-commit' | 'complete-abort';

interface Transaction {
  readonly id: string;
  readonly producerId: bigint;
  epoch: number;
  /** What a repeated InitProducerId of the owner may still name; -1: nothing. */
  lastEpoch: number;
  timeoutMs: number;
  state: State;
  partitions: Set<string>;
  groups: Set<string>;
  /** Counts transactions, so that a timeout knows its own. */
  turn: number;
}
export interface ProducerIdentity {
  readonly transactionalId: string;
  readonly producerId: bigint;
  readonly epoch: number;
}

/** Transactional ids, epochs and the two phases of an end (KIP-98, KIP-360, and the verification of KIP-890). */
export class TransactionCoordinator {
  readonly #world: World;
  readonly #log: (place: string) => PartitionLog;
  readonly #group: (groupId: string) => GroupCoordinator;
  readonly #transactions = new Map<string, Transaction>();
  readonly #byProducer = new Map<bigint, Transaction>();
  /** How long a marker may take to its partition, milliseconds: read_committed readers see a commit piece by piece. */
  readonly #markerDelayMs: number;
  #nextProducerId = 1000n;

  constructor(
    world: World,
    log: (place: string) => PartitionLog,
    group: (groupId: string) => GroupCoordinator,
    markerDelayMs: number,
  ) {
    this.#world = world;
    this.#log = log;
    this.#group = group;
    this.#markerDelayMs = markerDelayMs;
  }

  get isQuiet(): boolean {
    return [...this.#transactions.values()].every(({ state }) => !/ongoing|prepare/.test(state));
  }

  init(id: string, timeoutMs: number, producerId: bigint, epoch: number) {
    const refused = (errorCode: number) => ({ errorCode, producerId: -1n, producerEpoch: -1 });
    let transaction = this.#transactions.get(id);
    if (!transaction) {
      transaction = this.#create(id, timeoutMs);
      return { errorCode: 0, producerId: transaction.producerId, producerEpoch: 0 };
    }
    transaction.timeoutMs = timeoutMs;
    if (producerId >= 0n && producerId !== transaction.producerId) return refused(Code.PRODUCER_FENCED);
    const { state } = transaction;
    if (state === 'prepare-commit' || state === 'prepare-abort') return refused(Code.CONCURRENT_TRANSACTIONS);
    if (state === 'ongoing') {
      if (producerId >= 0n && epoch !== transaction.epoch) return refused(Code.PRODUCER_FENCED);
      this.#fence(transaction, epoch);
      return refused(Code.CONCURRENT_TRANSACTIONS);
    }
    if (producerId < 0n || epoch === transaction.epoch) {
      transaction.lastEpoch = producerId < 0n ? -1 : transaction.epoch;
      transaction.epoch++;
    } else if (epoch !== transaction.lastEpoch) return refused(Code.PRODUCER_FENCED);
    transaction.state = 'empty';
    return { errorCode: 0, producerId: transaction.producerId, producerEpoch: transaction.epoch };
  }

  addPartitions(owner: ProducerIdentity, places: readonly string[]): number {
    return this.#extend(owner, (transaction) => {
      for (const place of places) transaction.partitions.add(place);
    });
  }
  addGroup(owner: ProducerIdentity, groupId: string): number {
    return this.#extend(owner, (transaction) => transaction.groups.add(groupId));
  }
  end(owner: ProducerIdentity, committed: boolean): number {
    const transaction = this.#transactions.get(owner.transactionalId);
    const refusal = this.#check(transaction, owner);
    if (refusal !== 0) return refusal;
    switch (transaction!.state) {
      case 'ongoing':
        this.#prepare(transaction!, committed);
        return 0;
      case 'prepare-commit':
      case 'prepare-abort':
        return (transaction!.state === 'prepare-commit') === committed
          ? Code.CONCURRENT_TRANSACTIONS
          : Code.INVALID_TXN_STATE;
      case 'complete-commit':
      case 'complete-abort':
        return (transaction!.state === 'complete-commit') === committed ? 0 : Code.INVALID_TXN_STATE;
      default:
        return Code.INVALID_TXN_STATE;
    }
  }
  /** What a partition's leader asks before a producer's first batch of a transaction (KIP-890). */
  holds(producerId: bigint, epoch: number, place: string): boolean {
    const transaction = this.#byProducer.get(producerId);
    return transaction?.state === 'ongoing' && transaction.epoch === epoch && transaction.partitions.has(place);
  }
  /** As `holds`, for the offsets of a group. */
  holdsGroup(producerId: bigint, epoch: number, groupId: string): boolean {
    const transaction = this.#byProducer.get(producerId);
    return transaction?.state === 'ongoing' && transaction.epoch === epoch && transaction.groups.has(groupId);
  }

  #create(id: string, timeoutMs: number): Transaction {
    const transaction: Transaction = {
      id,
      producerId: this.#nextProducerId++,
      epoch: 0,
      lastEpoch: -1,
      timeoutMs,
      state: 'empty',
      partitions: new Set(),
      groups: new Set(),
      turn: 0,
    };
    this.#transactions.set(id, transaction);
    this.#byProducer.set(transaction.producerId, transaction);
    return transaction;
  }
  #check(transaction: Transaction | undefined, { producerId, epoch }: ProducerIdentity): number {
    if (!transaction || transaction.producerId !== producerId) return Code.INVALID_PRODUCER_ID_MAPPING;
    return transaction.epoch === epoch ? 0 : Code.PRODUCER_FENCED;
  }
  #extend(owner: ProducerIdentity, add: (transaction: Transaction) => void): number {
    const transaction = this.#transactions.get(owner.transactionalId);
    const refusal = this.#check(transaction, owner);
    if (refusal !== 0) return refusal;
    if (transaction!.state.startsWith('prepare')) return Code.CONCURRENT_TRANSACTIONS;
    if (transaction!.state !== 'ongoing') {
      transaction!.state = 'ongoing';
      const turn = ++transaction!.turn;
      this.#world.after(transaction!.timeoutMs, () => this.#expire(transaction!, turn));
    }
    add(transaction!);
    return 0;
  }

  #expire(transaction: Transaction, turn: number): void {
    if (transaction.turn !== turn || transaction.state !== 'ongoing') return;
    this.#world.note(`timeout of ${transaction.id}`);
    this.#fence(transaction, -1);
  }
  /** Undoes the open transaction under a new epoch, which its owner does not have; one that asked for it may name its old one. */
  #fence(transaction: Transaction, ownEpoch: number): void {
    transaction.epoch++;
    transaction.lastEpoch = ownEpoch;
    this.#prepare(transaction, false);
  }

  #prepare(transaction: Transaction, committed: boolean): void {
    transaction.state = committed ? 'prepare-commit' : 'prepare-abort';
    const { producerId, epoch, partitions, groups } = transaction;
    transaction.partitions = new Set();
    transaction.groups = new Set();
    let left = partitions.size + groups.size;
    const marked = () => {
      if (--left === 0) transaction.state = committed ? 'complete-commit' : 'complete-abort';
    };
    const mark = (write: () => void) =>
      this.#world.after(this.#world.random.exponential(this.#markerDelayMs), () => {
        write();
        marked();
      });
    for (const place of partitions)
      mark(() => {
        this.#world.note(`marker ${committed ? 'commit' : 'abort'} ${transaction.id}@${epoch} ${place}`);
        this.#log(place).mark(producerId, epoch, committed);
      });
    for (const groupId of groups) mark(() => this.#group(groupId).mark(producerId, epoch, committed));
    if (left === 0) transaction.state = committed ? 'complete-commit' : 'complete-abort';
  }
}
