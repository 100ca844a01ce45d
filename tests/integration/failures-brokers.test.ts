import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { incrementalAlterConfigsV1 } from '@platformatic/kafka';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TransactionStep } from '#streams/kafka/transactions.ts';
import { Job } from '#tests/chaos/engine/job.ts';
import { changelogTopic, inputTopic, outputTopic, repartitionTopic } from '#tests/chaos/engine/tally.ts';
import { startFakeRegistry } from '#tests/unit/streams/kafka/fake-registry.ts';
import { BROKER_IDS, type BrokerId, ClusterOfTwo } from './brokers.ts';
import { until } from './harness.ts';

const LIMIT_MS = 60_000;
const TOPIC = 2;
const SET = 0;

describe('a topology on two brokers counts every step once', () => {
  let cluster: ClusterOfTwo;
  let registry: Awaited<ReturnType<typeof startFakeRegistry>>;
  let job: Job | null = null;
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-failures-'));

  beforeAll(async () => {
    registry = await startFakeRegistry();
    cluster = await ClusterOfTwo.start();
  }, 90_000);
  afterEach(async () => {
    for (const id of BROKER_IDS) if (!cluster.isRunning(id)) cluster.restart(id);
    if (job) await until('both brokers to be up to date', () => inSync(), LIMIT_MS);
    await job?.close();
    job = null;
  });
  afterAll(async () => {
    await cluster?.stop();
    await registry?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const inSync = () => cluster.inSync(job!.kafka).catch(() => false);
  async function start(name: string): Promise<Job> {
    job = await Job.start({ name, brokers: cluster.addresses, registryUrl: registry.url, folder });
    return job;
  }
  /** One that writes, and has committed. */
  async function underLoad(name: string): Promise<Job> {
    const started = await start(name);
    await started.load.write(200);
    await started.keepsUp();
    started.writeSteadily(500);
    return started;
  }
  async function leader(topic: string): Promise<BrokerId> {
    const [found] = await job!.kafka.cluster.describe([topic]);
    return found!.partitions.find(({ partitionIndex }) => partitionIndex === 0)!.leaderId as BrokerId;
  }
  async function coordinator(type: 'group' | 'transaction', key: string): Promise<BrokerId> {
    job!.kafka.cluster.refresh();
    return (await job!.kafka.cluster.coordinator(type, key)) as BrokerId;
  }
  /** Without a broker, then with it again. */
  async function goesOnWithout(id: BrokerId): Promise<void> {
    await until(`the cluster to miss broker ${id}`, async () => !(await inSync()), LIMIT_MS);
    await job!.keepsUp();
    cluster.restart(id);
    await until(`broker ${id} to be back`, inSync, LIMIT_MS);
    await job!.keepsUp();
  }

  it.each([
    { what: 'input', topic: inputTopic, end: 'kill' },
    { what: 'repartition topic', topic: repartitionTopic, end: 'shutDown' },
    { what: 'changelog', topic: changelogTopic, end: 'shutDown' },
    { what: 'output', topic: outputTopic, end: 'kill' },
  ] as const)('when the leader of its $what goes by $end in the middle of a commit', async ({ what, topic, end }) => {
    const running = await underLoad(`leader-of-${what.split(' ')[0]}`);
    const victim = await leader(topic(running.name));
    let ended: Promise<void> = Promise.resolve();
    await running.before('produce', () => {
      ended = cluster[end](victim);
    });
    await ended;
    await goesOnWithout(victim);
    expect(await leader(topic(running.name))).not.toBe(victim);
    if (end === 'kill') expect(running.hasAborted).toBe(true);
    await running.expectExact();
  });

  it.each<TransactionStep>(['add-offsets', 'end'])(
    'when the coordinator of its transaction is killed before %s',
    async (step) => {
      const running = await underLoad(`transaction-coordinator-${step}`);
      const victim = await coordinator('transaction', running.id);
      await running.before(step, () => void cluster.kill(victim));
      await goesOnWithout(victim);
      expect(await coordinator('transaction', running.id)).not.toBe(victim);
      expect(running.hasAborted).toBe(true);
      await running.expectExact();
    },
  );

  it('when the coordinator of its group is killed before the offsets are committed', async () => {
    const running = await underLoad('group-coordinator');
    const victim = await coordinator('group', running.name);
    await running.before('commit-offsets', () => void cluster.kill(victim));
    await goesOnWithout(victim);
    expect(await coordinator('group', running.name)).not.toBe(victim);
    expect(running.hasAborted).toBe(true);
    await running.expectExact();
  });

  it('when both brokers are gone at once, and come back', async () => {
    const running = await underLoad('both');
    await running.before('commit-offsets', () => {
      for (const id of BROKER_IDS) void cluster.kill(id);
    });
    await until('nobody to answer', async () => !(await inSync()), LIMIT_MS);
    for (const id of BROKER_IDS) cluster.restart(id);
    await until('both brokers to be back', inSync, LIMIT_MS);
    await running.keepsUp();
    expect(running.hasAborted).toBe(true);
    await running.expectExact();
  });

  /** Lowers what the broker takes; a batch already under way may still pass. */
  async function limitBatches(topic: string, bytes: number): Promise<void> {
    const { kafka } = job!;
    const connection = await kafka.cluster.connection(await kafka.cluster.controller());
    const configs = [{ name: 'max.message.bytes', configOperation: SET, value: String(bytes) } as const];
    await incrementalAlterConfigsV1.api.async(
      connection,
      [{ resourceType: TOPIC, resourceName: topic, configs }],
      false,
    );
  }

  it('when the broker refuses its batches: smaller ones pass', async () => {
    const running = await start('refused');
    await running.load.write(100);
    await running.keepsUp();
    await limitBatches(outputTopic(running.name), 400);
    const refused = () => running.messages.some((message) => /refused a batch .*MESSAGE_TOO_LARGE/.test(message));
    // Many at once, so that a transaction gives a batch that is too large; again, as the new limit reaches the broker in its own time.
    for (let round = 0; round < 20 && !refused(); round++) {
      await running.load.write(400);
      await running.keepsUp();
    }
    expect(refused()).toBe(true);
    await running.expectExact();
    expect(await running.kafka.offsets(`${running.name}.dead-letters`, 'latest')).toEqual([0]);
  });

  it('but the one whose output no broker takes, which is a dead letter', async () => {
    const running = await start('too-large');
    await running.load.write(100);
    await running.keepsUp();
    await limitBatches(outputTopic(running.name), 2_000);
    const refused = running.load.written;
    await running.load.write(1, 'x'.repeat(5_000));
    await running.load.write(50);
    await running.keepsUp();
    await running.expectExact([refused]);
    const reader = await running.kafka.openReader({
      topics: [{ topic: `${running.name}.dead-letters`, from: 'earliest' }],
    });
    const codes: string[] = [];
    const one = async () => {
      for (const { records } of await reader.poll())
        for (const { headers } of records)
          codes.push(headers.find(({ key }) => key === 'error.code')!.value!.toString());
      return codes.length > 0;
    };
    await until('the dead letter', one, LIMIT_MS);
    expect(codes).toEqual(['BATCH_REFUSED']);
  });
});
