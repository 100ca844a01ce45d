import { availableParallelism } from 'node:os';
import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { silentLog } from '#streams/kit/log.ts';
import { startServices } from '#tests/integration/harness.ts';
import { writeTrades } from './engine/data.ts';
import { BatchBytes, buildPeer, peerVersion, startPeer } from './engine/peer.ts';
import { type Arena, type Figures, type Input, measure, type Start, startBare, startOurs } from './engine/runs.ts';
import { machine, spread } from './figures.ts';
import { OutputMode } from './job.ts';
import type { BenchOptions } from './options.ts';

/** Long enough that a virtual machine's compilers are warm for most of it. */
const RECORDS = 2_000_000;
const KEYS = [100, 1_000_000];
const COMMIT_INTERVAL_MS = 100;

interface Combination {
  readonly outputs: OutputMode;
  readonly keys: number;
  readonly threads: number;
}
interface Pair {
  readonly kafkaStreams: Figures;
  /** With larger batches than its defaults give. */
  readonly kafkaStreamsTuned: Figures;
  readonly ours: Figures;
  readonly bare: Figures | null;
}
const nameOf = ({ outputs, keys, threads }: Combination) => `${outputs}/${keys}/${threads}`;

/**
 * The same stateful job (position and P&L per key; Avro in, Avro out; exactly once) on Kafka Streams and on ours, on
 * one broker and the same data, in alternation. Kafka Streams runs as it comes, and with a larger producer batch, which
 * serves it better. Beside one output per input with one thread runs a bare loop of the same parts without a runtime.
 * Every run's outputs are checked to the last bit.
 */
export async function engineBenchmark({ pairs, records, only, log }: BenchOptions): Promise<unknown> {
  const wanted = combinations().filter((each) => only === null || `${nameOf(each)}/`.startsWith(`${only}/`));
  if (wanted.length === 0) {
    const names = combinations().map(nameOf).join(', ');
    throw new Error(`--only ${only}: expected one of these or the beginning of one: ${names}`);
  }
  buildPeer(log);
  const services = await startServices({ kafka: true, registry: true });
  const kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'bench', log: silentLog });
  const arena = { services, kafka, registry: new SchemaRegistry(services.registryUrl) };
  try {
    const results: unknown[] = [];
    for (const [keys, group] of Map.groupBy(wanted, (each) => each.keys)) {
      const input = await write(arena, keys, records ?? RECORDS, log);
      for (const combination of group) results.push(await compare(arena, input, combination, pairs, log));
      await kafka.deleteTopics([input.topic]);
    }
    return {
      benchmark: 'engine',
      machine: machine(),
      kafkaStreams: peerVersion(),
      records: records ?? RECORDS,
      commitIntervalMs: COMMIT_INTERVAL_MS,
      pairs,
      combinations: results,
    };
  } finally {
    await kafka.close();
    await services.stop();
  }
}

function combinations(): Combination[] {
  const threadCounts = [...new Set([1, availableParallelism()])];
  return KEYS.flatMap((keys) =>
    Object.values(OutputMode).flatMap((outputs) => threadCounts.map((threads) => ({ outputs, keys, threads }))),
  );
}

async function write(
  { kafka, registry }: Arena,
  keys: number,
  records: number,
  log: (text: string) => void,
): Promise<Input> {
  const topic = `bench-${keys}-keys`;
  const partitions = Math.max(4, availableParallelism());
  log(`writing ${records} trades of ${keys} keys in ${partitions} partitions`);
  const expected = await writeTrades(kafka, registry, { topic, partitions, keys, records });
  return { topic, partitions, expected };
}

async function compare(
  arena: Arena,
  input: Input,
  combination: Combination,
  pairs: number,
  log: (text: string) => void,
): Promise<unknown> {
  const { outputs, keys, threads } = combination;
  const run = async (who: string, start: Start, pair: number) => {
    const name = `bench-${who}-${outputs}-${keys}-${threads}-${pair}`;
    const options = { name, input, mode: outputs, threads, commitIntervalMs: COMMIT_INTERVAL_MS };
    const figures = await measure(arena, start, options);
    const { recordsPerSecond, secondHalfPerSecond, cpuMicrosPerRecord } = figures;
    const rates = `${recordsPerSecond} records/s (second half ${secondHalfPerSecond})`;
    log(`${nameOf(combination)} pair ${pair + 1}, ${who}: ${rates}, ${cpuMicrosPerRecord} µs CPU a record`);
    return figures;
  };
  const done: Pair[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const bare = outputs === 'one-per-input' && threads === 1 ? await run('bare', startBare, pair) : null;
    const peers = async () => ({
      kafkaStreams: await run('kafka-streams', startPeer(BatchBytes.asItComes), pair),
      kafkaStreamsTuned: await run('kafka-streams-tuned', startPeer(BatchBytes.tuned), pair),
    });
    // Who goes first has the colder broker: they take turns.
    const first = pair % 2 === 0 ? await peers() : null;
    const ours = await run('ours', startOurs, pair);
    done.push({ ...(first ?? (await peers())), ours, bare });
  }
  return { ...combination, distinctKeys: input.expected.keys, ...summary(done), runs: done };
}

function summary(pairs: readonly Pair[]) {
  const ratio = (of: (pair: Pair) => number) => spread(pairs.map(of), 2);
  const bare = pairs.filter((pair): pair is Pair & { bare: Figures } => pair.bare !== null);
  const against = (of: (pair: Pair & { bare: Figures }) => number) => spread(bare.map(of), 2);
  return {
    kafkaStreamsPerSecond: spread(pairs.map(({ kafkaStreams }) => kafkaStreams.recordsPerSecond)),
    kafkaStreamsTunedPerSecond: spread(pairs.map((pair) => pair.kafkaStreamsTuned.recordsPerSecond)),
    oursPerSecond: spread(pairs.map(({ ours }) => ours.recordsPerSecond)),
    ratio: ratio(({ ours, kafkaStreams }) => ours.recordsPerSecond / kafkaStreams.recordsPerSecond),
    ratioToTuned: ratio(({ ours, kafkaStreamsTuned }) => ours.recordsPerSecond / kafkaStreamsTuned.recordsPerSecond),
    secondHalfRatio: ratio(({ ours, kafkaStreams }) => ours.secondHalfPerSecond / kafkaStreams.secondHalfPerSecond),
    /** How many times our CPU time theirs is; the broker's is in neither. */
    cpuRatio: ratio(({ ours, kafkaStreams }) => kafkaStreams.cpuMicrosPerRecord / ours.cpuMicrosPerRecord),
    cpuRatioToTuned: ratio(
      ({ ours, kafkaStreamsTuned }) => kafkaStreamsTuned.cpuMicrosPerRecord / ours.cpuMicrosPerRecord,
    ),
    ...(bare.length > 0
      ? {
          barePerSecond: spread(bare.map((pair) => pair.bare.recordsPerSecond)),
          costAgainstBare: {
            wall: against((pair) => pair.bare.recordsPerSecond / pair.ours.recordsPerSecond),
            cpu: against((pair) => pair.ours.cpuMicrosPerRecord / pair.bare.cpuMicrosPerRecord),
          },
        }
      : {}),
  };
}
