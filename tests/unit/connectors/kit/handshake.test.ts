import { describe, expect, it } from 'vitest';
import { Handshake } from '#connectors/kit/handshake.ts';
import type { Kafka } from '#streams/kafka/index.ts';
import type { Clock } from '#streams/kit/clock.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { silentLog } from '#streams/kit/log.ts';

/** Offsets that others move while the handshake sleeps. */
class FakeKafka {
  readonly ends = new Map<string, number[]>();
  readonly committed = new Map<string, number[]>();
  async offsets(topic: string): Promise<number[]> {
    const ends = this.ends.get(topic);
    if (!ends) throw new TidemarkError('TOPIC_UNKNOWN', topic);
    return ends;
  }
  async committedOffsets(group: string, topic: string): Promise<number[]> {
    return this.committed.get(`${group} ${topic}`) ?? (this.ends.get(topic) ?? [0]).map(() => -1);
  }
}

function setUp(onSleep: (sleeps: number, kafka: FakeKafka) => void) {
  const kafka = new FakeKafka();
  const controller = new AbortController();
  let nowMs = 0;
  let sleeps = 0;
  const clock: Clock = {
    now: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
      onSleep(++sleeps, kafka);
    },
  };
  const handshake = new Handshake('The replay', kafka as unknown as Kafka, silentLog, controller.signal, clock);
  return { kafka, handshake, controller, sleeps: () => sleeps, now: () => nowMs };
}

describe('Handshake', () => {
  it('waits until every partition has been committed as far as asked', async () => {
    const { kafka, handshake, sleeps } = setUp((sleep, at) => {
      if (sleep === 2) at.committed.set('demo t', [5, 2]);
      if (sleep === 4) at.committed.set('demo t', [5, 3]);
    });
    kafka.ends.set('t', [5, 3]);
    await handshake.until('demo', 't', [5, 3]);
    expect(sleeps()).toBe(4);
  });

  it('takes a partition without records and without a commit as done', async () => {
    const { kafka, handshake, sleeps } = setUp(() => {});
    kafka.committed.set('demo t', [-1, 7]);
    await handshake.until('demo', 't', [0, 7]);
    expect(sleeps()).toBe(1);
  });

  it('looks often at first and says after five seconds what it waits for', async () => {
    const waiting: (string | null)[] = [];
    const { handshake, sleeps } = setUp((sleep, kafka) => {
      waiting.push(handshake.waitingFor);
      if (sleep === 1200) kafka.committed.set('paper-venue t', [9]);
    });
    await handshake.until('paper-venue', 't', [9]);
    expect(sleeps()).toBe(1200);
    expect(waiting[900]).toBeNull();
    expect(waiting.at(-1)).toBe('The replay waits: paper-venue is 9 records behind in t');
    expect(handshake.waitingFor).toBeNull();
  });

  it('waits for the ledger stage by stage, for what each stage made of its input', async () => {
    const REPARTITION = 'positions.fills-by-instrument.repartition';
    const set = (kafka: FakeKafka, topic: string, end: number) => kafka.ends.set(topic, [end]);
    const commit = (kafka: FakeKafka, group: string, topic: string) =>
      kafka.committed.set(`${group} ${topic}`, kafka.ends.get(topic)!);
    const order: string[] = [];
    const { kafka, handshake } = setUp((sleep, at) => {
      if (sleep === 3) {
        commit(at, 'positions', 'orders.fills');
        set(at, REPARTITION, 10);
        order.push('fills');
      }
      if (sleep === 8) {
        commit(at, 'positions', REPARTITION);
        set(at, 'portfolio.positions', 20);
        order.push('repartition');
      }
      if (sleep === 12) {
        commit(at, 'portfolio', 'portfolio.positions');
        order.push('positions');
      }
    });
    for (const topic of ['orders.fills', REPARTITION, 'portfolio.positions']) set(kafka, topic, 1);
    const empty = ['reference.instruments', 'reference.corporate-actions', 'market.trades', 'portfolio.cash'];
    for (const topic of empty) set(kafka, topic, 0);
    await handshake.untilLedgerIsCurrent();
    expect(order).toEqual(['fills', 'repartition', 'positions']);
  });

  it('waits for the limits too where orders are to be checked, and for their decisions', async () => {
    const before = ['orders.fills', 'reference.instruments', 'positions.fills-by-instrument.repartition'];
    const ledger = [...before, 'reference.corporate-actions', 'market.trades', 'portfolio.positions', 'portfolio.cash'];
    const { kafka, handshake, sleeps } = setUp((sleep, at) => {
      if (sleep === 20) at.committed.set('limits market.marks', [7]);
      if (sleep === 30) at.committed.set('limits orders.requests', [2]);
    });
    for (const topic of [...ledger, 'portfolio.pnl', 'risk.limits']) kafka.ends.set(topic, [0]);
    kafka.ends.set('market.marks', [7]);
    await handshake.untilOrdersCanBeChecked();
    expect(sleeps()).toBeGreaterThanOrEqual(20);
    kafka.ends.set('orders.requests', [2]);
    await handshake.untilOrdersAreDecided();
    expect(sleeps()).toBe(30);
  });

  it('waits for a topic that a topology has yet to create', async () => {
    const reference = ['reference.instruments', 'reference.corporate-actions'];
    const topics = [...reference, 'orders.fills', 'market.trades', 'portfolio.positions', 'portfolio.cash'];
    const { kafka, handshake, now } = setUp((sleep, at) => {
      if (sleep === 5) at.ends.set('positions.fills-by-instrument.repartition', [0]);
    });
    for (const topic of topics) kafka.ends.set(topic, [0]);
    await handshake.untilLedgerIsCurrent();
    expect(now()).toBeGreaterThan(0);
  });

  it('ends when it is asked to stop', async () => {
    const { handshake, controller } = setUp((sleep) => {
      if (sleep === 3) controller.abort(new Error('stop'));
    });
    await expect(handshake.until('demo', 't', [1])).rejects.toThrow('stop');
  });
});
