import { describe, expect, it } from 'vitest';
import type { CommittedOffset } from '#streams/kafka/cluster.ts';
import { type Kafka, type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { systemClock } from '#streams/kit/clock.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { GlobalTables } from '#streams/runtime/global-tables.ts';
import { RuntimeMetrics } from '#streams/runtime/metrics.ts';
import type { ProducerPort, RuntimePorts } from '#streams/runtime/ports.ts';
import { TaskSet } from '#streams/runtime/task-set.ts';
import { compileTopology } from '#streams/topology/topology.ts';

const TOPOLOGY = compileTopology({
  name: 'passing',
  version: 1,
  sources: { numbers: { topic: 'in', value: 'long' } },
  processors: {
    pass: {
      inputs: ['numbers'],
      create: (context) => ({ process: ({ key, value, timestampMs }) => context.emit(key, value, timestampMs) }),
    },
  },
  sinks: { out: { inputs: ['pass'], topic: 'out', value: 'long' } },
});

/** Tasks without state of a group whose committed offsets the test sets. */
async function taskSet(partitions: number) {
  const group: CommittedOffset[] = Array.from({ length: partitions }, () => ({ offset: -1, metadata: '' }));
  const metrics = new RuntimeMetrics(new Metrics());
  const kafka = {} as Kafka;
  const wake = () => undefined;
  const ports = {
    committed: async () => group,
    earliest: async () => group.map(() => 0),
  } as unknown as RuntimePorts;
  const registry = { register: async () => 1, schema: async () => 'long' } as unknown as SchemaRegistry;
  let restored = () => {};
  const tasks = new TaskSet({
    topology: TOPOLOGY,
    kafka,
    ports,
    topics: {
      inputTopics: ['in'],
      sources: new Map([['in', await topicSerde<unknown>(registry, 'in', 'long')]]),
      outputs: new Map(),
    },
    collector: { port: () => ({ send: () => undefined }), count: () => undefined },
    mergeBy: 'task',
    globals: new GlobalTables({ kafka, globals: {}, serdes: new Map(), log: silentLog, metrics, wake }),
    replay: null,
    deleteRetentionMs: 1_000,
    clock: systemClock,
    log: silentLog,
    metrics,
    onRestored: () => restored(),
    onFailed: (error) => {
      throw error;
    },
  });
  const assign = async (...numbers: readonly number[]) => {
    const news = new Promise<void>((resolve) => {
      restored = resolve;
    });
    const before = new Set(tasks.inputs);
    await tasks.assign(numbers);
    if (numbers.some((number) => ![...before].some(({ partition }) => partition === number))) await news;
    // A task that was dropped is restored too.
    else if (tasks.restoring) await news;
  };
  const commit = (partition: number, offset: number) => {
    tasks.committed([{ topic: 'in', partition, offset, metadata: '' }], {} as ProducerPort);
    group[partition] = { offset, metadata: '' };
  };
  return { tasks, group, assign, commit };
}

describe('the tasks of a thread', () => {
  it('stay as they are when their partitions are assigned again', async () => {
    const { tasks, assign, commit } = await taskSet(2);
    await assign(0, 1);
    commit(0, 5);
    const before = [...tasks.inputs];
    expect(before.map(({ partition }) => partition)).toEqual([0, 1]);
    await assign(0, 1);
    expect(tasks.inputs).toHaveLength(2);
    expect(tasks.inputs.every((input, index) => input === before[index])).toBe(true);
  });

  it('are made anew where another has committed meanwhile, the others not', async () => {
    const { tasks, group, assign, commit } = await taskSet(2);
    await assign(0, 1);
    commit(0, 5);
    commit(1, 7);
    const [first, second] = tasks.inputs;
    group[0] = { offset: 9, metadata: '' };
    await assign(0, 1);
    expect(tasks.inputs.map(({ committedOffset }) => committedOffset)).toEqual([9, 7]);
    expect(tasks.inputs[0]).not.toBe(first);
    expect(tasks.inputs[1]).toBe(second);
  });
});
