import { readFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '#ops/embedded/ports.ts';
import { topicConfig } from '#schemas/topics.ts';
import { type Assignment, GroupMember, type GroupOptions, type Membership } from '#streams/kafka/group.ts';
import { describeMembers } from '#streams/kafka/group-members.ts';
import { type Kafka, openKafka } from '#streams/kafka/index.ts';
import { TransactionalProducer } from '#streams/kafka/transactions.ts';
import type { TidemarkError } from '#streams/kit/errors.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Random } from '#streams/kit/random.ts';
import { type Services, startServices, until } from './harness.ts';

const PARTITIONS = 4;
const LIMIT_MS = 60_000;

/** A member that writes down what happens to it. */
interface Watched {
  readonly member: GroupMember;
  readonly assignments: Assignment[];
  readonly revoked: (readonly number[])[];
  readonly lost: TidemarkError[];
  readonly partitions: () => readonly number[];
  readonly standbys: () => readonly number[];
}

describe('a group member', () => {
  let services: Services;
  let kafka: Kafka;
  let open: GroupMember[] = [];

  beforeAll(async () => {
    // A port of its own, so that it is the same after a restart.
    services = await startServices({ kafka: true }, { TIDEMARK_KAFKA_PORT: String(await freePort()) });
    kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'group-test', log: silentLog });
    await kafka.createTopics(
      ['left', 'right'].map((name) => ({ name, partitions: PARTITIONS, config: topicConfig('delete') })),
    );
  }, 60_000);
  afterEach(async () => {
    await Promise.all(open.map((member) => member.leave()));
    open = [];
  });
  afterAll(async () => {
    await kafka?.close();
    await services?.stop();
  });

  async function join(groupId: string, name: string, options: Partial<GroupOptions> = {}): Promise<Watched> {
    const assignments: Assignment[] = [];
    const revoked: (readonly number[])[] = [];
    const lost: TidemarkError[] = [];
    const member = new GroupMember({
      brokers: services.kafkaBrokers,
      clientId: name,
      groupId,
      instanceId: null,
      topics: ['left', 'right'],
      sessionTimeoutMs: 6_000,
      processId: name,
      log: silentLog,
      onAssigned: (assignment) => assignments.push(assignment),
      onLost: (error) => lost.push(error),
      ...options,
      onRevoked: async (partitions) => {
        revoked.push(partitions);
        await options.onRevoked?.(partitions);
      },
    });
    open.push(member);
    await member.join();
    const last = () => assignments.at(-1);
    return {
      member,
      assignments,
      revoked,
      lost,
      partitions: () => last()?.partitions ?? [],
      standbys: () => last()?.standbys ?? [],
    };
  }
  const balanced = (...members: readonly Watched[]) =>
    until(
      'balanced members',
      () =>
        members.flatMap(({ partitions }) => [...partitions()]).length === PARTITIONS &&
        members.every(({ partitions }) => partitions().length >= Math.floor(PARTITIONS / members.length)),
      LIMIT_MS,
    );
  const all = (...members: readonly Watched[]) =>
    members.flatMap(({ partitions }) => [...partitions()]).sort((a, b) => a - b);

  it('is described while its group rebalances, then with what it has', async () => {
    const first = await join('described', 'a', { endpoint: 'host-a:1' });
    let done = false;
    const second = join('described', 'b', { endpoint: 'host-b:2' }).finally(() => {
      done = true;
    });
    const described = () => describeMembers(kafka.cluster, 'described');
    let unknown = 0;
    while (!done) unknown += (await described()).filter(({ endpoint }) => endpoint === '').length;
    expect(unknown).toBeGreaterThan(0);
    await balanced(first, await second);
    await until('a quiet group', async () => (await described()).every(({ endpoint }) => endpoint !== ''), LIMIT_MS);
    const members = await described();
    expect(members.map(({ endpoint }) => endpoint).sort()).toEqual(['host-a:1', 'host-b:2']);
    expect(members.flatMap(({ partitions }) => [...partitions]).sort()).toEqual([0, 1, 2, 3]);
  });

  it('gives up only what moves when another comes, and gets back only what that one had', async () => {
    const first = await join('come-and-go', 'a');
    expect(first.partitions()).toEqual([0, 1, 2, 3]);
    const second = await join('come-and-go', 'b');
    await balanced(first, second);
    expect(all(first, second)).toEqual([0, 1, 2, 3]);
    expect(first.revoked).toEqual([second.partitions()]);
    expect(second.revoked).toEqual([]);
    const [before] = first.assignments;
    await second.member.leave();
    await until('everything back', () => first.partitions().length === PARTITIONS, LIMIT_MS);
    expect(first.revoked).toHaveLength(1);
    expect(first.assignments).toHaveLength(3);
    expect(first.assignments.at(-1)!.membership).toBe(before!.membership);
    expect(first.lost).toEqual([]);
  });

  it('hands partitions on when their revocation is done, and holds up nobody until then', async () => {
    let release = () => {};
    const revocation = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = await join('slow', 'a', { onRevoked: () => revocation });
    const second = await join('slow', 'b');
    await until('a revocation', () => slow.revoked.length === 1, LIMIT_MS);
    // Joining completes although the revocation does not, and nobody gets what the slow one still has.
    const third = await join('slow', 'c');
    expect(all(second, third)).toEqual([]);
    const kept = slow.partitions();
    release();
    await balanced(slow, second, third);
    expect(all(slow, second, third)).toEqual([0, 1, 2, 3]);
    expect(kept).toEqual(expect.arrayContaining([...slow.partitions()]));
  });

  it('under a lasting name is back without anybody noticing', async () => {
    const first = await join('static', 'a', { instanceId: 'static-a' });
    const second = await join('static', 'b', { instanceId: 'static-b' });
    await balanced(first, second);
    const told = first.assignments.length;
    const { generationId } = second.assignments.at(-1)!.membership;
    // A process that was killed does not say goodbye; the new one comes before its session has ended.
    const again = await join('static', 'b', { instanceId: 'static-b' });
    expect(again.partitions()).toEqual(second.partitions());
    expect(again.assignments[0]!.membership.generationId).toBe(generationId);
    await until('the old one to notice', () => second.lost.length > 0, LIMIT_MS);
    expect(second.lost[0]).toMatchObject({ code: 'GROUP_INSTANCE_TAKEN', retriable: false });
    expect(first.assignments).toHaveLength(told);
  });

  it('that restarts while it is to give something up does not leave the others waiting', async () => {
    const first = await join('restart', 'a', { instanceId: 'restart-a', onRevoked: () => new Promise(() => {}) });
    const second = await join('restart', 'b', { instanceId: 'restart-b' });
    await until('a revocation', () => first.revoked.length === 1, LIMIT_MS);
    const again = await join('restart', 'a', { instanceId: 'restart-a' });
    await balanced(again, second);
    expect(all(again, second)).toEqual([0, 1, 2, 3]);
  });

  it('never has a partition that another has, whoever comes and goes meanwhile', async () => {
    const random = new Random('restless');
    const holders = new Map<number, string>();
    const clashes: string[] = [];
    const enter = async (name: string) => {
      const held = new Set<number>();
      const drop = (partition: number) => {
        held.delete(partition);
        if (holders.get(partition) === name) holders.delete(partition);
      };
      const watched = await join('restless', name, {
        onRevoked: async (partitions) => {
          await sleep(random.uniform() * 400);
          for (const partition of partitions) drop(partition);
        },
        onAssigned: ({ partitions }) => {
          for (const partition of partitions) {
            const other = holders.get(partition);
            if (other !== undefined && other !== name) clashes.push(`${partition}: ${other} and ${name}`);
            holders.set(partition, name);
            held.add(partition);
          }
        },
      });
      const exit = async () => {
        for (const partition of [...held]) drop(partition);
        await watched.member.leave();
      };
      return { exit };
    };
    const present = [await enter('m0')];
    for (let step = 1; step <= 14; step++) {
      const leaves = present.length > 1 && (present.length > 4 || random.uniform() < 0.4);
      if (leaves) await present.splice(Math.floor(random.uniform() * present.length), 1)[0]!.exit();
      else present.push(await enter(`m${step}`));
      await sleep(random.uniform() * 300);
    }
    await until('every partition to have a holder', () => holders.size === PARTITIONS, LIMIT_MS);
    expect(clashes).toEqual([]);
  });

  it('with the freshest state gets the partitions, and others keep copies', async () => {
    const freshness = (partitions: readonly number[]) => () => new Map(partitions.map((p) => [p, 1_000] as const));
    const standbyReplicas = 1;
    const first = await join('fresh', 'a', { standbyReplicas, freshness: freshness([0, 1, 2, 3]) });
    const second = await join('fresh', 'b', { standbyReplicas, freshness: freshness([1, 2]) });
    await balanced(first, second);
    expect(second.partitions()).toEqual([1, 2]);
    await until('standbys', () => first.standbys().length + second.standbys().length === PARTITIONS, LIMIT_MS);
    expect(first.standbys()).toEqual([1, 2]);
    expect(second.standbys()).toEqual([0, 3]);
  });

  it('keeps what it has while its broker restarts', async () => {
    const members = [await join('broker', 'a'), await join('broker', 'b')];
    await balanced(...members);
    const before = members.map(({ partitions }) => partitions());
    const told = members.map(({ assignments }) => assignments.length);
    const restarts = services.supervisor.restarts('kafka');
    process.kill(Number(readFileSync(joinPath(services.home, 'kafka', 'broker.pid'), 'utf8')), 'SIGKILL');
    await until('a new broker', () => services.supervisor.restarts('kafka') > restarts, LIMIT_MS);
    await services.supervisor.ready('kafka', LIMIT_MS);
    // The next rebalance shows that they are still what they were.
    const third = await join('broker', 'c');
    await balanced(...members, third);
    expect(members.flatMap(({ lost }) => lost)).toEqual([]);
    for (const [index, { partitions, assignments }] of members.entries()) {
      expect(before[index]).toEqual(expect.arrayContaining([...partitions()]));
      expect(assignments.length).toBeLessThanOrEqual(told[index]! + 1);
    }
  });

  describe('and its commits', () => {
    const producers: TransactionalProducer[] = [];
    afterEach(async () => {
      await Promise.all(producers.splice(0).map((producer) => producer.close()));
    });
    const producer = async (transactionalId: string) => {
      const opened = new TransactionalProducer({
        cluster: kafka.cluster,
        transactionalId,
        transactionTimeoutMs: 10_000,
      });
      producers.push(opened);
      await opened.start();
      return opened;
    };
    const offset = (partition: number, value: number) => [{ topic: 'left', partition, offset: value, metadata: '' }];

    it('are accepted all through a rebalance in which it keeps its partitions', async () => {
      const first = await join('commits', 'a');
      const { membership } = first.assignments[0]!;
      const commits = await producer('commits-a');
      let count = 1;
      // The first transaction of a broker waits for its internal topics.
      await commits.commit(offset(0, count), membership);
      let joined = false;
      const joining = join('commits', 'b').then(async (second) => {
        await balanced(first, second);
        joined = true;
      });
      let refused = 0;
      const generations = new Set<number>();
      while (!joined) {
        const { generationId } = membership;
        generations.add(generationId);
        try {
          await commits.commit(offset(0, ++count), membership);
        } catch {
          // Stamped just before the group went on: tried again in the generation it went on to.
          refused++;
          expect(await first.member.renewed(generationId)).toBe(true);
          await commits.abort();
        }
      }
      await joining;
      generations.add(membership.generationId);
      await commits.commit(offset(0, ++count), membership);
      // The markers of a transaction reach the offsets a moment after its end was acknowledged.
      const committed = async () => (await kafka.committedOffsets('commits', 'left'))[0] === count;
      await until('the newest commit', committed, 10_000);
      expect(generations.size).toBeGreaterThan(1);
      expect(refused).toBeLessThan(generations.size);
    });

    it('are refused in a generation that is over, and after it has left', async () => {
      const first = await join('fenced', 'a');
      const { memberId, generationId, groupId, instanceId } = first.assignments[0]!.membership;
      const old: Membership = { memberId, generationId, groupId, instanceId };
      const second = await join('fenced', 'b');
      await balanced(first, second);
      const moved = second.partitions()[0]!;
      const zombie = await producer('fenced-a');
      await expect(zombie.commit(offset(moved, 7), old)).rejects.toMatchObject({ code: 'PRODUCER_FENCED' });
      await zombie.abort();
      await first.member.leave();
      const gone = { ...old, generationId: first.assignments[0]!.membership.generationId };
      await expect(zombie.commit(offset(moved, 7), gone)).rejects.toMatchObject({ code: 'PRODUCER_FENCED' });
      expect(await first.member.renewed(generationId + 100)).toBe(false);
      expect(await kafka.committedOffsets('fenced', 'left')).toEqual([-1, -1, -1, -1]);
    });
  });
});
