import type { TransactionStep } from '#streams/kafka/transactions.ts';
import { type AvroSchema, avroType } from '#streams/kit/avro.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { StreamRecord, TopologyDefinition } from '#streams/topology/types.ts';
import { Cell, encodeBatch, type Life, SESSION_TIMEOUT_MS, type ThreadSettings } from './cell.ts';

const AMOUNT: AvroSchema = { type: 'record', name: 'Amount', fields: [{ name: 'amount', type: 'long' }] };
const TOTAL: AvroSchema = {
  type: 'record',
  name: 'Total',
  fields: [
    { name: 'total', type: 'long' },
    { name: 'count', type: 'long' },
  ],
};
interface Total {
  readonly total: number;
  readonly count: number;
}

/** Counts and sums per group behind a repartition topic: one output per input, so that a gap or a repeat shows. */
const DEFINITION: TopologyDefinition = {
  name: 'totals',
  version: 1,
  sources: { amounts: { topic: 'in', value: AMOUNT } },
  processors: {
    rekey: {
      inputs: ['amounts'],
      create: (context) => ({
        process: ({ key, value, timestampMs }: StreamRecord<{ amount: number }>) =>
          context.forward('by-group', key!.split(':')[1]!, value, timestampMs),
      }),
    },
    sum: {
      inputs: ['by-group'],
      stores: ['sums'],
      create: (context) => {
        const sums = context.store<Total>('sums');
        return {
          process: ({ key, value, timestampMs }: StreamRecord<{ amount: number }>) => {
            const old = sums.get(key!) ?? { total: 0, count: 0 };
            const next = { total: old.total + value.amount, count: old.count + 1 };
            sums.put(key!, next);
            context.forward('totals', key!, next, timestampMs);
          },
        };
      },
    },
  },
  stores: { sums: { value: TOTAL } },
  repartitions: { 'by-group': { inputs: ['rekey'], value: AMOUNT } },
  sinks: { totals: { inputs: ['sum'], topic: 'out', value: TOTAL } },
};
const GROUPS = 5;
const CHAOS_MS = 12_000;
const CALM_LIMIT_MS = 120_000;
/** An outside producer's record that was aborted: counted, it would show in every sum. */
const FORBIDDEN_AMOUNT = 1_000_000_000;

export interface Outcome {
  /** What should not be; empty: exactly once. */
  readonly mistakes: readonly string[];
  readonly hash: string;
  readonly happenings: number;
  readonly kills: number;
  readonly pauses: number;
}

/** One history: threads of several processes under load, with crashes, pauses, lost messages and moving leaders, all from one seed. */
export async function simulateChaos(seed: number, onNote?: (line: string) => void): Promise<Outcome> {
  const chaos = new Chaos(seed);
  chaos.cell.world.onNote = onNote ?? null;
  return chaos.run();
}

class Chaos {
  readonly cell: Cell;
  readonly #partitions: number;
  readonly #settings: ThreadSettings;
  readonly #lives = new Map<string, Life>();
  readonly #expected = new Map<string, Total>();
  readonly #mistakes: string[] = [];
  /** Probability that a step of a commit fails, or is the process's last. */
  readonly #stepFaults: number;
  #calm = false;
  /** The end: nobody comes back. */
  #closing = false;
  #producerId = 1n;
  #written = 0;
  #kills = 0;
  #pauses = 0;

  constructor(seed: number) {
    const { random } = new Cell({ ...FAIR, seed: `${seed} settings` }).world;
    const pick = <T>(...choices: readonly T[]): T => choices[random.below(choices.length)]!;
    this.#partitions = pick(1, 2, 3);
    this.cell = new Cell({
      ...FAIR,
      seed,
      partitions: this.#partitions,
      brokers: pick(1, 2, 3),
      weather: { latencyMs: pick(0.2, 1, 5), breaks: pick(0, 0.002, 0.01), lateArrivals: pick(0, 0.5, 1) },
      markerDelayMs: pick(0.1, 2, 20),
      fetchBytes: pick(100, 1_000, 100_000),
    });
    this.#stepFaults = pick(0, 0.01, 0.05);
    this.#settings = {
      commitIntervalMs: pick(10, 50, 100),
      mergeBy: pick('task', 'thread'),
      maxTaskIdleMs: pick(0, 20),
      standbyReplicas: pick(0, 1),
      replay: null,
    };
  }

  async run(): Promise<Outcome> {
    const { cell } = this;
    const { world } = cell;
    const outcome = () => ({
      mistakes: this.#mistakes,
      hash: world.hash,
      happenings: world.happenings,
      kills: this.#kills,
      pauses: this.#pauses,
    });
    await cell.open();
    const workers = 1 + world.random.below(3);
    for (let worker = 0; worker < workers; worker++)
      world.after(world.random.below(2_000), () => this.#start(`worker-${worker}`));
    this.#scheduleLoad(50 + world.random.below(250));
    this.#scheduleFaults();
    try {
      await cell.run(() => world.elapsedMs >= CHAOS_MS, CHAOS_MS * 2);
      world.after(0, () => this.#becalm(workers));
      await cell.runUntil(() => this.#mistakes.length > 0 || (this.#calm && cell.isDone), CALM_LIMIT_MS);
      this.#closing = true;
      for (const life of this.#lives.values()) world.after(0, () => life.thread.stop(), life.process);
      const isOver = () => [...this.#lives.values()].every(({ end }) => end !== null);
      await cell.runUntil(() => isOver() && cell.brokers.transactions.isQuiet, CALM_LIMIT_MS);
      this.#check();
    } catch (error) {
      this.#mistakes.push(
        `${(error as Error).stack} (${[...this.#lives.values()].map(({ thread }) => thread.notReady())})`,
      );
    }
    return outcome();
  }

  #start(id: string): void {
    if (this.#closing) return;
    const before = this.#lives.get(id);
    if (before && !before.process.dead && before.end === null) return;
    const life = this.cell.start(id, this.#settings, (step, own) => this.#onStep(step, own));
    this.#lives.set(id, life);
    this.#watch(id, life);
  }
  /** Looks after a thread as a supervisor does. */
  #watch(id: string, life: Life): void {
    this.cell.world.after(500, () => {
      if (life.process.dead || this.#lives.get(id) !== life) return;
      if (life.end === null) return this.#watch(id, life);
      const { error } = life.end;
      // A join of its predecessor came late and took the place: who comes back takes it again.
      const isTaken = error instanceof TidemarkError && error.code === 'GROUP_INSTANCE_TAKEN';
      if (error !== null && !isTaken) this.#mistakes.push(`${id} ended: ${error}`);
      else if (isTaken) this.#start(id);
    });
  }

  #onStep(step: TransactionStep, life: Life): void {
    const { world } = this.cell;
    if (this.#calm || life.process.dead || !world.chance(this.#stepFaults)) return;
    if (world.chance(0.4)) throw new Error(`injected at ${step}`);
    // At once, or while the request is on its way, or when only its answer is missing.
    if (world.chance(0.3)) this.#kill(life, step);
    else world.after(world.random.exponential(3), () => this.#kill(life, step));
  }
  #kill(life: Life, reason: string): void {
    if (this.#calm || life.process.dead || life.end !== null) return;
    const { world } = this.cell;
    world.note(`kill ${life.process.name} at ${reason}`);
    this.#kills++;
    life.process.kill();
    world.after(world.random.below(world.chance(0.3) ? 2 * SESSION_TIMEOUT_MS : 300), () =>
      this.#start(life.process.name),
    );
  }

  #scheduleFaults(): void {
    const { world } = this.cell;
    for (let count = world.random.below(5); count > 0; count--) {
      world.after(world.random.below(CHAOS_MS), () => {
        const lives = [...this.#lives.values()].filter(({ process, end }) => !process.dead && end === null);
        const life = lives[world.random.below(Math.max(1, lives.length))];
        if (!life) return;
        if (world.chance(0.3)) return this.#kill(life, 'any time');
        if (world.chance(0.3)) return this.#leave(life);
        world.note(`pause ${life.process.name}`);
        this.#pauses++;
        world.pause(life.process);
        world.after(world.random.below(2 * SESSION_TIMEOUT_MS), () => world.resume(life.process));
      });
    }
    for (let count = world.random.below(4); count > 0; count--)
      world.after(world.random.below(CHAOS_MS), () => this.cell.brokers.move());
  }
  #leave(life: Life): void {
    const { world } = this.cell;
    life.thread.stop();
    const again = () => (life.end ? this.#start(life.process.name) : world.after(200, again));
    world.after(world.random.below(3_000), again);
  }
  /** Nothing breaks any more, and everyone is there. */
  #becalm(workers: number): void {
    const { world, network } = this.cell;
    world.note('calm');
    this.#calm = true;
    network.storm = 0;
    for (const { process } of this.#lives.values()) if (process.deferred) world.resume(process);
    for (let worker = 0; worker < workers; worker++) this.#start(`worker-${worker}`);
  }

  #scheduleLoad(records: number): void {
    const { world } = this.cell;
    for (let number = 0; number < records; number++)
      world.after(world.random.below(CHAOS_MS * 0.8), () => this.#write());
    for (let count = world.random.below(4); count > 0; count--)
      world.after(world.random.below(CHAOS_MS * 0.8), () => this.#writeAborted());
  }
  #write(): void {
    const { cell } = this;
    const { random, nowMs } = cell.world;
    const batches = new Map<number, { key: string; value: Buffer; timestampMs: number }[]>();
    for (let count = 1 + random.below(4); count > 0; count--) {
      const amount = ++this.#written;
      const group = `g${random.below(GROUPS)}`;
      const old = this.#expected.get(group) ?? { total: 0, count: 0 };
      this.#expected.set(group, { total: old.total + amount, count: old.count + 1 });
      const key = `k${random.below(20)}:${group}`;
      const partition = cell.partitionOf(key);
      const record = { key, value: cell.encode('in', { amount }), timestampMs: Math.floor(nowMs) - random.below(500) };
      batches.set(partition, [...(batches.get(partition) ?? []), record]);
    }
    for (const [partition, records] of batches) cell.brokers.write('in', partition, encodeBatch(records));
  }
  /** A transaction of an outside producer that holds readers up for a while and comes to nothing. */
  #writeAborted(): void {
    const { world, brokers } = this.cell;
    const partition = world.random.below(this.#partitions);
    const producerId = this.#producerId++;
    const value = this.cell.encode('in', { amount: FORBIDDEN_AMOUNT });
    brokers.write('in', partition, encodeBatch([{ key: 'k:g0', value, timestampMs: 1 }], producerId));
    world.after(world.random.below(500), () => brokers.log('in', partition).mark(producerId, 0, false));
  }

  #check(): void {
    const { cell } = this;
    const mistake = (text: string) => void (this.#mistakes.length < 20 && this.#mistakes.push(text));
    const found = new Map<string, Total>();
    const state = new Map<string, Total>();
    const type = avroType(TOTAL);
    if (!cell.isDone) mistake('committed offsets are not at the end');
    for (let partition = 0; partition < this.#partitions; partition++) {
      for (const { key, value } of cell.committed('out', partition)) {
        const total = cell.decode<Total>('out', value!);
        const expected = (found.get(key!)?.count ?? 0) + 1;
        if (total.count !== expected) mistake(`${key}: output ${total.count} where ${expected} comes next`);
        found.set(key!, total);
      }
      for (const { key, value } of cell.committed('totals.sums.changelog', partition))
        state.set(key!, type.fromBuffer(value!.subarray(1)) as Total);
    }
    for (const [group, { total, count }] of this.#expected) {
      const wanted = `${total} of ${count}`;
      const given = (map: Map<string, Total>) => `${map.get(group)?.total} of ${map.get(group)?.count}`;
      if (given(found) !== wanted) mistake(`${group}: outputs end with ${given(found)}, not ${wanted}`);
      if (given(state) !== wanted) mistake(`${group}: the changelog gives ${given(state)}, not ${wanted}`);
    }
  }
}

const FAIR = {
  definition: DEFINITION,
  partitions: 1,
  brokers: 1,
  weather: { latencyMs: 1, breaks: 0, lateArrivals: 0 },
  markerDelayMs: 1,
  fetchBytes: 1_000,
};
