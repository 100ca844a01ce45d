import { Code } from './partition-log.ts';
import type { World } from './world.ts';

interface Member {
  memberId: string;
  readonly instanceId: string | null;
  protocolName: string;
  metadata: Buffer;
  sessionTimeoutMs: number;
  assignment: Buffer;
  heardMs: number;
  /** Answers its join, once the round is complete; null: it has not joined this round. */
  joined: ((answer: JoinAnswer) => void) | null;
  synced: ((answer: SyncAnswer) => void) | null;
}
export interface JoinRequest {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly protocolName: string;
  readonly metadata: Buffer;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}
export interface JoinAnswer {
  readonly errorCode: number;
  readonly generationId: number;
  readonly protocolType: string;
  readonly protocolName: string;
  readonly leader: string;
  readonly skipAssignment: boolean;
  readonly memberId: string;
  readonly members: readonly { memberId: string; groupInstanceId: string | null; metadata: Buffer }[];
}
export interface SyncAnswer {
  readonly errorCode: number;
  readonly protocolType: string;
  readonly protocolName: string;
  readonly assignment: Buffer;
}
export interface GroupIdentity {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly generationId: number;
}
export interface GroupOffset {
  readonly place: string;
  readonly offset: bigint;
  readonly metadata: string | null;
}

const NOTHING: Buffer = Buffer.alloc(0);
const FIRST_ROUND_MS = 100;

/** A consumer group of the classic protocol with static members (KIP-345), and its offsets with those of open transactions (KIP-447). */
export class GroupCoordinator {
  readonly #world: World;
  readonly #groupId: string;
  #members: Member[] = [];
  #state: 'empty' | 'joining' | 'syncing' | 'stable' = 'empty';
  #generationId = 0;
  #leader = '';
  /** Counts rounds, so that a timeout knows its own. */
  #round = 0;
  #names = 0;
  readonly #offsets = new Map<string, GroupOffset>();
  readonly #pending = new Map<bigint, GroupOffset[]>();
  readonly #epochs = new Map<bigint, number>();

  constructor(world: World, groupId: string) {
    this.#world = world;
    this.#groupId = groupId;
  }

  join(request: JoinRequest, answer: (answer: JoinAnswer) => void) {
    const refuse = (errorCode: number) => answer({ ...this.#joinAnswer(request.memberId), errorCode });
    const { memberId, instanceId, metadata, protocolName, sessionTimeoutMs } = request;
    let member = this.#members.find((known) => known.instanceId === instanceId);
    if (memberId !== '') {
      if (!member) return refuse(Code.UNKNOWN_MEMBER_ID);
      if (member.memberId !== memberId) return refuse(Code.FENCED_INSTANCE_ID);
      const isSame = member.metadata.equals(metadata);
      this.#update(member, request);
      // Nothing new: the answer to a join that was lost on its way, say.
      if (isSame && this.#state === 'syncing') return answer(this.#joinAnswer(memberId));
      if (isSame && this.#state === 'stable' && memberId !== this.#leader) return answer(this.#joinAnswer(memberId));
    } else {
      const name = `${instanceId}-${++this.#names}`;
      if (member) {
        // A static member that has restarted takes its old place, and the former holder of the name is out.
        const wasLeader = this.#leader === member.memberId;
        member.joined?.({ ...this.#joinAnswer(member.memberId), errorCode: Code.FENCED_INSTANCE_ID });
        member.synced?.(this.#syncAnswer(Code.FENCED_INSTANCE_ID));
        Object.assign(member, { memberId: name, joined: null, synced: null });
        if (wasLeader) this.#leader = name;
        this.#update(member, request);
        if (this.#state === 'stable') return answer({ ...this.#joinAnswer(name), skipAssignment: wasLeader });
      } else {
        const heardMs = this.#world.nowMs;
        member = { memberId: name, instanceId, protocolName, metadata, sessionTimeoutMs, heardMs, ...NEWCOMER };
        this.#members.push(member);
        this.#watch(member);
      }
    }
    member.joined?.({ ...this.#joinAnswer(member.memberId), errorCode: Code.REBALANCE_IN_PROGRESS });
    member.joined = answer;
    this.#beginRound(request.rebalanceTimeoutMs);
    this.#completeRound();
  }

  sync(identity: GroupIdentity, assignments: ReadonlyMap<string, Buffer>, answer: (answer: SyncAnswer) => void) {
    const refusal = this.#check(identity);
    if (refusal !== 0) return answer(this.#syncAnswer(refusal));
    if (this.#state === 'joining') return answer(this.#syncAnswer(Code.REBALANCE_IN_PROGRESS));
    const member = this.#members.find(({ memberId }) => memberId === identity.memberId)!;
    member.heardMs = this.#world.nowMs;
    if (this.#state === 'stable') return answer(this.#syncAnswer(0, member.assignment));
    member.synced?.(this.#syncAnswer(Code.REBALANCE_IN_PROGRESS));
    member.synced = answer;
    if (identity.memberId !== this.#leader) return;
    this.#state = 'stable';
    this.#world.note(`group ${this.#groupId} stable in ${this.#generationId}`);
    for (const each of this.#members) {
      each.assignment = assignments.get(each.memberId) ?? NOTHING;
      each.synced?.(this.#syncAnswer(0, each.assignment));
      each.synced = null;
    }
  }

  heartbeat(identity: GroupIdentity): number {
    const refusal = this.#check(identity);
    if (refusal !== 0) return refusal;
    this.#members.find(({ memberId }) => memberId === identity.memberId)!.heardMs = this.#world.nowMs;
    return this.#state === 'joining' ? Code.REBALANCE_IN_PROGRESS : 0;
  }
  leave(instanceId: string | null, memberId: string): number {
    const member = this.#members.find((known) => known.instanceId === instanceId);
    if (!member) return Code.UNKNOWN_MEMBER_ID;
    if (member.memberId !== memberId) return Code.FENCED_INSTANCE_ID;
    this.#remove(member);
    return 0;
  }

  /** Offsets of an open transaction; the caller has asked the transaction coordinator. */
  commit(producerId: bigint, epoch: number, identity: GroupIdentity, offsets: readonly GroupOffset[]): number {
    if (epoch < (this.#epochs.get(producerId) ?? -1)) return Code.INVALID_PRODUCER_EPOCH;
    const refusal = this.#check(identity);
    if (refusal !== 0) return refusal;
    this.#epochs.set(producerId, epoch);
    this.#pending.set(producerId, [...(this.#pending.get(producerId) ?? []), ...offsets]);
    return 0;
  }
  mark(producerId: bigint, epoch: number, committed: boolean): void {
    this.#epochs.set(producerId, Math.max(epoch, this.#epochs.get(producerId) ?? -1));
    if (committed) for (const offset of this.#pending.get(producerId) ?? []) this.#offsets.set(offset.place, offset);
    this.#pending.delete(producerId);
  }
  offset(place: string): GroupOffset | undefined {
    return this.#offsets.get(place);
  }
  isPending(place: string): boolean {
    return [...this.#pending.values()].some((offsets) => offsets.some((offset) => offset.place === place));
  }

  #check({ memberId, instanceId, generationId }: GroupIdentity): number {
    const member = this.#members.find((known) => known.instanceId === instanceId);
    if (!member) return Code.UNKNOWN_MEMBER_ID;
    if (member.memberId !== memberId) return Code.FENCED_INSTANCE_ID;
    return generationId === this.#generationId ? 0 : Code.ILLEGAL_GENERATION;
  }
  #update(member: Member, { protocolName, metadata, sessionTimeoutMs }: JoinRequest): void {
    Object.assign(member, { protocolName, metadata, sessionTimeoutMs, heardMs: this.#world.nowMs });
  }
  #joinAnswer(memberId: string): JoinAnswer {
    const isLeader = memberId === this.#leader;
    return {
      errorCode: 0,
      generationId: this.#generationId,
      protocolType: 'consumer',
      protocolName: this.#members[0]?.protocolName ?? '',
      leader: this.#leader,
      skipAssignment: false,
      memberId,
      members: isLeader
        ? this.#members.map((each) => ({
            memberId: each.memberId,
            groupInstanceId: each.instanceId,
            metadata: each.metadata,
          }))
        : [],
    };
  }
  #syncAnswer(errorCode: number, assignment: Buffer = NOTHING): SyncAnswer {
    return { errorCode, protocolType: 'consumer', protocolName: this.#members[0]?.protocolName ?? '', assignment };
  }

  #beginRound(rebalanceTimeoutMs: number): void {
    if (this.#state === 'joining') return;
    const wasEmpty = this.#state === 'empty';
    for (const member of this.#members) {
      member.synced?.(this.#syncAnswer(Code.REBALANCE_IN_PROGRESS));
      member.synced = null;
    }
    this.#state = 'joining';
    const round = ++this.#round;
    // The first round of a group waits a little for others.
    if (wasEmpty) this.#world.after(FIRST_ROUND_MS, () => this.#completeRound(true));
    this.#world.after(rebalanceTimeoutMs, () => {
      if (this.#round !== round || this.#state !== 'joining') return;
      this.#world.note(`group ${this.#groupId} waits no longer`);
      this.#closeRound();
    });
  }
  #completeRound(begun = this.#generationId > 0): void {
    if (this.#state === 'joining' && begun && this.#members.every(({ joined }) => joined)) this.#closeRound();
  }
  /** Static members that have not joined keep their place until their session ends. */
  #closeRound(): void {
    if (this.#members.length === 0) return;
    this.#generationId++;
    this.#state = 'syncing';
    const present = this.#members.filter(({ joined }) => joined);
    if (!present.some(({ memberId }) => memberId === this.#leader)) this.#leader = present[0]?.memberId ?? '';
    this.#world.note(`group ${this.#groupId} generation ${this.#generationId}: ${present.map((m) => m.memberId)}`);
    for (const member of present) {
      member.heardMs = this.#world.nowMs;
      member.joined!(this.#joinAnswer(member.memberId));
      member.joined = null;
    }
  }
  #watch(member: Member): void {
    const dueMs = member.heardMs + member.sessionTimeoutMs;
    this.#world.after(dueMs - this.#world.nowMs, () => {
      if (!this.#members.includes(member)) return;
      // Who waits for the others of a round need not say so.
      if (member.joined) member.heardMs = this.#world.nowMs;
      if (this.#world.nowMs < member.heardMs + member.sessionTimeoutMs) return this.#watch(member);
      this.#world.note(`session of ${member.memberId} ended`);
      this.#remove(member);
    });
  }
  #remove(member: Member): void {
    this.#members = this.#members.filter((each) => each !== member);
    member.joined?.({ ...this.#joinAnswer(member.memberId), errorCode: Code.UNKNOWN_MEMBER_ID });
    member.synced?.(this.#syncAnswer(Code.UNKNOWN_MEMBER_ID));
    if (this.#members.length === 0) {
      this.#state = 'empty';
      this.#round++;
      return;
    }
    this.#beginRound(REBALANCE_MS);
    this.#completeRound();
  }
}

const REBALANCE_MS = 20_000;
const NEWCOMER = { assignment: NOTHING, joined: null, synced: null };
