import type { TransactionStep } from '#streams/kafka/transactions.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { Random } from '#streams/kit/random.ts';
import type { ReplayOptions } from '#streams/runtime/replay.ts';
import type { StreamRecord, TopologyDefinition } from '#streams/topology/types.ts';
import { Cell, encodeBatch, type Life } from './cell.ts';

export const AMOUNT: AvroSchema = { type: 'record', name: 'Amount', fields: [{ name: 'amount', type: 'long' }] };
const WINDOW: AvroSchema = {
  type: 'record',
  name: 'Window',
  fields: [
    { name: 'startMs', type: 'long' },
    { name: 'total', type: 'long' },
    { name: 'count', type: 'long' },
    { name: 'closed', type: 'boolean' },
  ],
};
interface Window {
  readonly startMs: number;
  readonly total: number;
  readonly count: number;
  readonly closed: boolean;
}
const WINDOW_MS = 1_000;

/**
 * Everything that a replay has to get right at once: a repartition topic, windows that a punctuator closes by event time, and outputs
 * that are conflated until the cut; headers travel along. `now()` is in the output, which only a replay makes repeatable.
 */
export const replayedDefinition = (name: string): TopologyDefinition => ({
  name,
  version: 1,
  sources: { amounts: { topic: `${name}.in`, value: AMOUNT }, extras: { topic: `${name}.extra`, value: AMOUNT } },
  processors: {
    rekey: {
      inputs: ['amounts', 'extras'],
      create: (context) => ({
        process: ({ key, value, timestampMs }: StreamRecord<{ amount: number }>) =>
          context.forward('by-group', key!.split(':')[1]!, value, timestampMs, [
            { key: 'origin', value: Buffer.from(key!) },
          ]),
      }),
    },
    windows: {
      inputs: ['by-group'],
      stores: ['open'],
      create: (context) => {
        const open = context.store<Window>('open');
        const changed = new Map<string, Window>();
        context.schedule(WINDOW_MS, 'event-time', (timestampMs) => {
          for (const [place, window] of [...open.range()]) {
            if (window.startMs + WINDOW_MS > timestampMs) continue;
            context.emit(place, { ...window, closed: true }, timestampMs);
            open.delete(place);
            changed.delete(place);
          }
        });
        return {
          process: ({ key, value, timestampMs, headers }: StreamRecord<{ amount: number }>) => {
            const startMs = Math.floor(timestampMs / WINDOW_MS) * WINDOW_MS;
            const place = `${key}@${startMs}`;
            const old = open.get(place) ?? { startMs, total: 0, count: 0, closed: false };
            // Not commutative: another order gives another total.
            const total = (old.total * 31 + value.amount) % 1_000_003;
            const next = { ...old, total, count: old.count + 1 };
            open.put(place, next);
            changed.set(place, next);
            if (value.amount % 10 === 0) context.emit(`${key}!`, next, context.now(), headers);
          },
          beforeCommit: () => {
            for (const [place, window] of changed) context.emit(place, window, context.streamTimeMs);
            changed.clear();
          },
        };
      },
    },
  },
  stores: { open: { value: WINDOW } },
  repartitions: { 'by-group': { inputs: ['rekey'], value: AMOUNT } },
  sinks: { out: { inputs: ['windows'], topic: `${name}.out`, value: WINDOW } },
});

export interface ReplayInput {
  readonly topic: 'in' | 'extra';
  readonly key: string;
  readonly amount: number;
  readonly timestampMs: number;
}
/** Inputs out of order within and across partitions, with equal timestamps among them. */
export function replayInputs(seed: string | number): ReplayInput[] {
  const random = new Random(seed);
  return Array.from({ length: 150 + random.below(150) }, (_, number) => ({
    topic: random.below(3) === 0 ? 'extra' : 'in',
    key: `k${random.below(20)}:g${random.below(4)}`,
    amount: random.below(1_000),
    timestampMs: 631_152_000_000 + number * 40 - (random.below(4) === 0 ? random.below(3_000) : 0),
  }));
}

const NAME = 'replayed';
const LIMIT_MS = 200_000;
/** From here on nothing breaks any more, so that it ends. */
const STORM_MS = 20_000;

/**
 * Replays the inputs of `dataSeed` as the chance of `runSeed` has it: other batches, fetches and latencies, kills at any step, aborted
 * records between. Of half the data, only a range of event time, up to ends behind which the inputs grow meanwhile. Returns what is in the output per partition, offsets left out.
 */
export async function simulateReplay(dataSeed: number, runSeed: number): Promise<{ output: string[]; kills: number }> {
  const data = new Random(`${dataSeed} shape`);
  const partitions = 1 + data.below(3);
  const cutEveryRecords = 5 + data.below(60);
  const cuts = { cutEveryRecords, ...(data.below(2) === 0 ? { cutEveryMs: 300 + data.below(2_000) } : {}) };
  const isBounded = data.below(2) === 0;
  const random = new Random(`${dataSeed} ${runSeed}`);
  const pick = <T>(...choices: readonly T[]): T => choices[random.below(choices.length)]!;
  const cell = new Cell({
    seed: `${dataSeed}/${runSeed}`,
    definition: replayedDefinition(NAME),
    partitions,
    brokers: pick(1, 2, 3),
    weather: { latencyMs: pick(0.2, 1, 5), breaks: pick(0, 0.002, 0.01), lateArrivals: pick(0, 1) },
    markerDelayMs: pick(0.1, 5, 200),
    fetchBytes: pick(100, 1_000, 100_000),
  });
  const { world } = cell;
  await cell.open();
  const inputs = replayInputs(dataSeed);
  writeInputs(cell, inputs, random);
  const bounds = isBounded ? boundsOf(cell, inputs) : {};
  const stepFaults = pick(0, 0.02, 0.05);
  let kills = 0;
  let life!: Life;
  const onStep = (step: TransactionStep, own: Life) => {
    if (own.process.dead || world.elapsedMs > STORM_MS || !world.chance(stepFaults)) return;
    if (world.chance(0.4)) throw new Error(`injected at ${step}`);
    world.after(world.chance(0.3) ? 0 : world.random.exponential(3), () => {
      if (own.process.dead || own.end) return;
      kills++;
      own.process.kill();
      world.after(world.random.below(500), start);
    });
  };
  const replay = { ...cuts, ...bounds };
  const settings = { commitIntervalMs: pick(5, 100), mergeBy: 'thread' as const, maxTaskIdleMs: 0, replay };
  const start = () => {
    life = cell.start('worker', settings, onStep);
  };
  world.after(0, start);
  if (isBounded)
    for (let more = 0; more < 5; more++)
      world.after(random.below(400), () => writeInputs(cell, replayInputs(`${dataSeed} ${runSeed} ${more}`), random));
  world.after(STORM_MS, () => {
    cell.network.storm = 0;
  });
  const isTaken = (error: unknown) => error instanceof TidemarkError && error.code === 'GROUP_INSTANCE_TAKEN';
  await cell.runUntil(() => {
    if (!life?.end) return false;
    // A join of its predecessor came late.
    if (isTaken(life.end.error)) world.after(0, start);
    else return cell.brokers.transactions.isQuiet;
    return false;
  }, LIMIT_MS);
  if (life.end!.error) throw life.end!.error;
  const output = Array.from({ length: partitions }, (_, partition) =>
    cell
      .committed(`${NAME}.out`, partition)
      .map(({ key, value, timestampMs, headers }) => {
        const shown = headers.map((header) => `${header.key}=${header.value?.toString('hex')}`);
        return `${key} ${value?.toString('hex')} ${timestampMs} ${shown}`;
      })
      .join('\n'),
  );
  return { output, kills };
}

/** What is there now, between the 20th and the 80th hundredth of it. */
function boundsOf(cell: Cell, inputs: readonly ReplayInput[]): Pick<ReplayOptions, 'ends' | 'keeps'> {
  const times = inputs.map(({ timestampMs }) => timestampMs).sort((a, b) => a - b);
  const [fromMs, toMs] = [times[Math.floor(times.length * 0.2)]!, times[Math.floor(times.length * 0.8)]!];
  const topics = ['in', 'extra'].map((name) => `${NAME}.${name}`);
  const ends = new Map(topics.map((topic) => [topic, cell.brokers.logs(topic).map((log) => log.lastStableOffset)]));
  return { ends, keeps: (_, timestampMs) => timestampMs >= fromMs && timestampMs <= toMs };
}

function writeInputs(cell: Cell, inputs: readonly ReplayInput[], random: Random): void {
  const places = Map.groupBy(inputs, ({ topic, key }) => `${topic}/${cell.partitionOf(key)}`);
  let producerId = 1n;
  for (const [place, entries] of places) {
    const [name, partition] = place.split('/') as [string, string];
    const topic = `${NAME}.${name}`;
    for (let at = 0; at < entries.length; ) {
      const count = 1 + random.below(20);
      const records = entries.slice(at, at + count).map(({ key, amount, timestampMs }) => {
        return { key, value: cell.encode(topic, { amount }), timestampMs };
      });
      at += count;
      cell.brokers.write(topic, Number(partition), encodeBatch(records));
      if (random.below(4) > 0) continue;
      // Records that were aborted move the offsets of what comes behind them.
      cell.brokers.write(topic, Number(partition), encodeBatch(records, producerId));
      cell.brokers.log(topic, Number(partition)).mark(producerId++, 0, false);
    }
  }
}
