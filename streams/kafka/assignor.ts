/** A group's member as the assignor sees it. */
export interface TaskMember {
  readonly memberId: string;
  /** Members of one process stop together: partitions are spread over processes first, and a standby goes to another one. */
  readonly processId: string;
  /** Partition numbers this member has and has not given up. */
  readonly owned: readonly number[];
  /** The generation in which `owned` was true; where two members claim a partition the newer one has it. */
  readonly generationId: number;
  /** Partition number → sum of the changelog offsets that this member's copy of the state has reached; missing: no copy. */
  readonly freshness: ReadonlyMap<number, number>;
}
export interface TaskPlacement {
  /** Ascending: the partitions this member is to process, of every topic. */
  readonly active: readonly number[];
  /** Ascending: the partitions whose state this member is to keep up to date for another. */
  readonly standbys: readonly number[];
}
/** What a member is told now: everything of its placement that no other member has to give up first (KIP-429). */
export interface TaskHandout extends TaskPlacement {
  /** The member has partitions that are meant for others: it gives them up and joins once more, so that they are handed out. */
  readonly unfinished: boolean;
}
export interface MemberData {
  readonly processId: string;
  /** host:port where the member answers queries of its stores; empty: nowhere. */
  readonly endpoint: string;
  readonly freshness: ReadonlyMap<number, number>;
}
export interface HandoutData {
  readonly standbys: readonly number[];
  readonly unfinished: boolean;
}

/** A member while its partitions are counted out; `load` and `standbys` grow up to their limits. */
interface Slot {
  readonly member: TaskMember;
  readonly active: Set<number>;
  readonly standbys: Set<number>;
  quota: number;
}

/**
 * Places partition numbers 0 … `partitions` − 1 on members. In this order: every partition once; loads that differ by one at
 * most, the members with one more spread over the processes; a partition stays with its owner; those that move go where their
 * state is freshest. The same input gives the same placement, whatever the order of the members.
 */
export function placeTasks(
  members: readonly TaskMember[],
  partitions: number,
  standbyReplicas: number,
): Map<string, TaskPlacement> {
  const slots = [...members].sort(byName).map(
    (member): Slot => ({
      member,
      active: new Set(),
      standbys: new Set(),
      quota: 0,
    }),
  );
  if (slots.length === 0) return new Map();
  const reached = new Reached(slots, partitions);
  const owners = ownersOf(members);
  const owned = slots.map(({ member }) =>
    member.owned.filter((p) => p < partitions && owners.get(p) === member.memberId),
  );
  setQuotas(slots, owned, partitions);
  keepOwned(slots, owned, reached);
  placeRest(slots, partitions, reached);
  for (let replica = 0; replica < standbyReplicas; replica++) placeStandbys(slots, partitions, replica + 1, reached);
  return new Map(
    slots.map(({ member, active, standbys }) => [
      member.memberId,
      { active: ascending(active), standbys: ascending(standbys) },
    ]),
  );
}

/** What can be handed out of a placement at once: a partition that another member still has waits until it is given up. */
export function handOut(
  placement: ReadonlyMap<string, TaskPlacement>,
  members: readonly TaskMember[],
): Map<string, TaskHandout> {
  const owners = ownersOf(members);
  return new Map(
    members.map(({ memberId, owned }) => {
      const { active, standbys } = placement.get(memberId)!;
      const free = active.filter((partition) => (owners.get(partition) ?? memberId) === memberId);
      return [memberId, { active: free, standbys, unfinished: owned.some((partition) => !active.includes(partition)) }];
    }),
  );
}

/** The member that has each partition: of several that claim one, that of the newest generation. */
function ownersOf(members: readonly TaskMember[]): Map<number, string> {
  const owners = new Map<number, TaskMember>();
  for (const member of [...members].sort(byName)) {
    for (const partition of member.owned) {
      const other = owners.get(partition);
      if (!other || other.generationId < member.generationId) owners.set(partition, member);
    }
  }
  return new Map([...owners].map(([partition, { memberId }]) => [partition, memberId]));
}

/** How far each member's copy of a partition's state is behind the best one, in changelog offsets. */
class Reached {
  readonly #best: number[];

  constructor(slots: readonly Slot[], partitions: number) {
    this.#best = Array.from({ length: partitions }, (_, partition) =>
      Math.max(0, ...slots.map(({ member }) => member.freshness.get(partition) ?? 0)),
    );
  }
  lag({ member }: Slot, partition: number): number {
    return this.#best[partition]! - (member.freshness.get(partition) ?? 0);
  }
  least(slots: readonly Slot[], partition: number): number {
    return Math.min(...slots.map((slot) => this.lag(slot, partition)));
  }
  greatest(slots: readonly Slot[], partition: number): number {
    return Math.max(...slots.map((slot) => this.lag(slot, partition)));
  }
}

/** Everyone gets the same number; the remainder goes to processes in turn, and there to members that have more already. */
function setQuotas(slots: readonly Slot[], owned: readonly number[][], partitions: number): void {
  const base = Math.floor(partitions / slots.length);
  for (const slot of slots) slot.quota = base;
  const surplus = new Map(slots.map((slot, index) => [slot, owned[index]!.length - base]));
  const processes = [...Map.groupBy(slots, ({ member }) => member.processId).values()].map((members) => ({
    members: [...members].sort((a, b) => surplus.get(b)! - surplus.get(a)!),
    extras: 0,
  }));
  for (let left = partitions % slots.length; left > 0; left--) {
    const open = processes.filter(({ members, extras }) => extras < members.length);
    // Extras per member, compared as fractions; then whoever has to give up least.
    open.sort(
      (a, b) =>
        a.extras * b.members.length - b.extras * a.members.length ||
        surplus.get(b.members[b.extras]!)! - surplus.get(a.members[a.extras]!)!,
    );
    const process = open[0]!;
    process.members[process.extras]!.quota++;
    process.extras++;
  }
}

/** Whoever has more than its quota gives up those partitions that a member with room has the freshest state of. */
function keepOwned(slots: readonly Slot[], owned: readonly number[][], reached: Reached): void {
  const takers = slots.filter((slot, index) => owned[index]!.length < slot.quota);
  for (const [index, slot] of slots.entries()) {
    const lags = new Map(owned[index]!.map((partition) => [partition, reached.least(takers, partition)]));
    const kept = [...lags.keys()].sort((a, b) => lags.get(b)! - lags.get(a)! || a - b).slice(0, slot.quota);
    for (const partition of kept) slot.active.add(partition);
  }
}

/** Partitions without a place go where their state is freshest; those to which it matters most choose first. */
function placeRest(slots: readonly Slot[], partitions: number, reached: Reached): void {
  const placed = new Set(slots.flatMap(({ active }) => [...active]));
  const takers = slots.filter(({ active, quota }) => active.size < quota);
  const rest = Array.from({ length: partitions }, (_, partition) => partition)
    .filter((partition) => !placed.has(partition))
    .map((partition) => ({
      partition,
      regret: reached.greatest(takers, partition) - reached.least(takers, partition),
    }));
  for (const { partition } of rest.sort((a, b) => b.regret - a.regret || a.partition - b.partition)) {
    const open = takers.filter(({ active, quota }) => active.size < quota);
    open.sort(
      (a, b) =>
        reached.lag(a, partition) - reached.lag(b, partition) || b.quota - b.active.size - (a.quota - a.active.size),
    );
    open[0]!.active.add(partition);
  }
}

/** One more standby of every partition, on a process that has neither the task nor a standby of it; none where there is no such. */
function placeStandbys(slots: readonly Slot[], partitions: number, replica: number, reached: Reached): void {
  const limit = Math.ceil((partitions * replica) / slots.length);
  for (let partition = 0; partition < partitions; partition++) {
    const taken = new Set(
      slots.filter((slot) => slot.active.has(partition) || slot.standbys.has(partition)).map(processOf),
    );
    // From the member after the task's own on: with everyone starting from the first, the last ones would get too few.
    const own = slots.findIndex((slot) => slot.active.has(partition));
    const open = [...slots.slice(own), ...slots.slice(0, own)].filter((slot) => !taken.has(processOf(slot)));
    open.sort(
      (a, b) =>
        Number(a.standbys.size >= limit) - Number(b.standbys.size >= limit) ||
        reached.lag(a, partition) - reached.lag(b, partition) ||
        a.standbys.size - b.standbys.size,
    );
    open[0]?.standbys.add(partition);
  }
}

const processOf = ({ member }: Slot): string => member.processId;
const ascending = (numbers: Iterable<number>): number[] => [...numbers].sort((a, b) => a - b);
function byName(a: TaskMember, b: TaskMember): number {
  if (a.processId !== b.processId) return a.processId < b.processId ? -1 : 1;
  return a.memberId < b.memberId ? -1 : 1;
}

/**
 * User data travels through the group's leader, which may be of another version: first byte the layout's version, then unsigned
 * varints. What cannot be read counts as nothing known: it only makes a placement worse, never wrong.
 */
const LAYOUT = 1;

export function encodeMemberData({ processId, endpoint, freshness }: MemberData): Buffer {
  const name = Buffer.from(processId);
  const place = Buffer.from(endpoint);
  const entries = [...freshness].filter(([, offsets]) => offsets > 0).sort(([a], [b]) => a - b);
  const bytes = [LAYOUT, ...varint(name.length), ...name, ...varint(place.length), ...place, ...varint(entries.length)];
  for (const [partition, offsets] of entries) bytes.push(...varint(partition), ...varint(offsets));
  return Buffer.from(bytes);
}
export function decodeMemberData(data: Buffer | null): MemberData {
  const reader = new VarintReader(data);
  const name = reader.bytes(reader.next());
  const endpoint = reader.bytes(reader.next());
  const freshness = new Map<number, number>();
  for (let left = reader.next(); left > 0 && !reader.failed; left--) freshness.set(reader.next(), reader.next());
  if (reader.failed) return { processId: '', endpoint: '', freshness: new Map() };
  return { processId: name.toString('utf8'), endpoint: endpoint.toString('utf8'), freshness };
}

export function encodeHandoutData({ standbys, unfinished }: HandoutData): Buffer {
  return Buffer.from([LAYOUT, unfinished ? 1 : 0, ...varint(standbys.length), ...standbys.flatMap(varint)]);
}
export function decodeHandoutData(data: Buffer | null): HandoutData {
  const reader = new VarintReader(data);
  const unfinished = reader.next() === 1;
  const standbys: number[] = [];
  for (let left = reader.next(); left > 0 && !reader.failed; left--) standbys.push(reader.next());
  return reader.failed ? { standbys: [], unfinished: false } : { standbys, unfinished };
}

/** Offsets are larger than 32 bits: divided, not shifted. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

class VarintReader {
  readonly #data: Buffer;
  #at = 1;
  failed: boolean;

  constructor(data: Buffer | null) {
    this.#data = data ?? Buffer.alloc(0);
    this.failed = this.#data[0] !== LAYOUT;
  }
  next(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.#data[this.#at++];
      if (byte === undefined || factor > Number.MAX_SAFE_INTEGER) return this.#fail();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return Number.isSafeInteger(value) ? value : this.#fail();
    }
  }
  bytes(length: number): Buffer {
    const bytes = this.#data.subarray(this.#at, this.#at + length);
    this.#at += length;
    if (bytes.length < length) this.#fail();
    return bytes;
  }
  #fail(): number {
    this.failed = true;
    return 0;
  }
}
