import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeGroupsV5 } from '@platformatic/kafka';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Kafka, openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { silentLog } from '#streams/kit/log.ts';
import { PARTITIONS } from '#tests/chaos/engine/job.ts';
import { TallyProcess } from '#tests/chaos/engine/process.ts';
import { checkTally, isCaughtUp, prepareTally, TallyLoad } from '#tests/chaos/engine/tally.ts';
import { startFakeRegistry } from '#tests/unit/streams/kafka/fake-registry.ts';
import { ClusterOfTwo } from './brokers.ts';
import { until } from './harness.ts';

const LIMIT_MS = 60_000;
const SESSION_TIMEOUT_MS = 2_000;

describe('a process that is silent past its session', () => {
  let cluster: ClusterOfTwo;
  let registry: Awaited<ReturnType<typeof startFakeRegistry>>;
  let kafka: Kafka;
  let processes: TallyProcess[] = [];
  let stopWriting = async () => {};
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-zombies-'));

  beforeAll(async () => {
    registry = await startFakeRegistry();
    cluster = await ClusterOfTwo.start();
    kafka = await openKafka({ brokers: cluster.addresses, clientId: 'zombies-test', log: silentLog });
  }, 90_000);
  afterEach(async () => {
    await stopWriting();
    for (const process of processes) await process.kill();
    processes = [];
  });
  afterAll(async () => {
    await kafka?.close();
    await cluster?.stop();
    await registry?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function start(name: string, place: string, transactionTimeoutMs: number): TallyProcess {
    const process = new TallyProcess({
      name,
      brokers: cluster.addresses,
      registryUrl: registry.url,
      stateFolder: join(folder, place),
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      transactionTimeoutMs,
    });
    processes.push(process);
    return process;
  }
  function writeSteadily(load: TallyLoad): void {
    const stop = new AbortController();
    const writing = load.writeSteadily(300, stop.signal);
    stopWriting = () => {
      stop.abort();
      return writing;
    };
  }
  async function members(group: string): Promise<number> {
    const connection = await kafka.cluster.connection(await kafka.cluster.coordinator('group', group));
    const answer = await describeGroupsV5.api.async(connection, [group], false);
    return answer.groups[0]!.members.length;
  }
  const has = (process: TallyProcess, partitions: number) =>
    until(`a process to have ${partitions} partitions`, () => process.partitions.length === partitions, LIMIT_MS);

  it.each([
    // Its transaction is over when it is back: the broker has aborted it.
    { step: 'produce', transactionTimeoutMs: 1_500 },
    { step: 'commit-offsets', transactionTimeoutMs: 1_500 },
    { step: 'end', transactionTimeoutMs: 1_500 },
    // Its transaction is still open when it is back; its tasks are another's.
    { step: 'produce', transactionTimeoutMs: 30_000 },
    { step: 'commit-offsets', transactionTimeoutMs: 30_000 },
    // Its offsets are in before it falls silent: this one it may end, and the other begins behind it.
    { step: 'end', transactionTimeoutMs: 30_000 },
  ] as const)(
    'writes nothing of its old transaction when it stood before $step (the transaction ends by itself after $transactionTimeoutMs ms)',
    async ({ step, transactionTimeoutMs }) => {
      const name = `zombie-${step}-${transactionTimeoutMs}`;
      await prepareTally(kafka, name, PARTITIONS);
      const load = new TallyLoad(kafka, new SchemaRegistry(registry.url), name);
      writeSteadily(load);
      const zombie = start(name, 'a', transactionTimeoutMs);
      const other = start(name, 'b', transactionTimeoutMs);
      await has(zombie, PARTITIONS / 2);
      await has(other, PARTITIONS / 2);
      const before = zombie.messages.length;
      zombie.order({ pauseBefore: step });
      await until('the group to go on without it', async () => (await members(name)) === 1, LIMIT_MS);
      zombie.resume();
      const noticed = () => zombie.hasSaid(/begins again|aborts a transaction/, before);
      await until('it to notice', noticed, LIMIT_MS);
      await has(zombie, PARTITIONS / 2);
      await has(other, PARTITIONS / 2);
      await stopWriting();
      await until('all to be processed', () => isCaughtUp(kafka, name).catch(() => false), LIMIT_MS);
      expect(await zombie.stop()).toBe(0);
      expect(await other.stop()).toBe(0);
      const { mistakes, outputs } = await checkTally(kafka, new SchemaRegistry(registry.url), name, load.written);
      expect(mistakes).toEqual([]);
      expect(outputs).toBe(load.written);
    },
  );
});
