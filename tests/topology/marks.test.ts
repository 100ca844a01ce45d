import { describe, expect, it } from 'vitest';
import type { InstrumentMark } from '#schemas/generated/types.ts';
import { LANES, PARTITIONS } from '#schemas/topics.ts';
import { murmur2Partition } from '#streams/kafka/murmur2.ts';
import { TopologyTestDriver } from '#streams/testing/driver.ts';
import { positions } from '#topologies/positions/graph.ts';
import { at, NOW_MS, trade } from './desk.ts';

const OPEN = at('01-03T15:00:00');

describe('market.marks', () => {
  const open = () => new TopologyTestDriver(positions(), { partitions: PARTITIONS, now: () => NOW_MS });
  const send = (driver: TopologyTestDriver, instrument: string, price: number, eventTime: number) =>
    driver.pipe('market.trades', {
      key: instrument,
      value: trade(instrument, price, eventTime),
      timestampMs: Math.floor(eventTime / 1000),
    });

  it('has lanes that fall into one partition each, in order', () => {
    expect(LANES.map((lane) => murmur2Partition(lane, PARTITIONS))).toEqual([...LANES.keys()]);
  });

  it('tells every partition the newest trade', () => {
    const driver = open();
    send(driver, 'AAPL', 11, OPEN);
    driver.commit();
    const marks = driver.read<InstrumentMark>('market.marks');
    expect(marks.map(({ key }) => key)).toEqual(LANES.map((lane) => `${lane}/AAPL`));
    for (const { value, timestampMs } of marks) {
      expect(timestampMs).toBe(OPEN / 1000);
      expect(value).toEqual({
        eventTime: OPEN,
        instrument: 'AAPL',
        price: 11,
        sourceTopic: 'market.trades',
        sourceEventTime: OPEN,
      });
    }
  });

  it('tells nothing of a trade that is older than the mark, or wrong', () => {
    const driver = open();
    send(driver, 'AAPL', 11, OPEN);
    driver.commit();
    driver.read('market.marks');
    send(driver, 'AAPL', 12, OPEN - 1);
    send(driver, 'AAPL', -1, OPEN + 1);
    driver.commit();
    expect(driver.read('market.marks')).toEqual([]);
    expect(driver.readRejected()).toHaveLength(1);
  });

  it('tells one a second of event time while a transaction is open, and the newest always', () => {
    const driver = open();
    for (const [price, later] of [
      [11, 0],
      [12, 400_000],
      [13, 999_999],
      [14, 2_000_000],
      [15, 2_000_001],
    ] as const)
      send(driver, 'AAPL', price, OPEN + later);
    driver.commit();
    const first = driver.read<InstrumentMark>('market.marks').filter(({ key }) => key.startsWith(LANES[0]));
    expect(first.map(({ value }) => value.price)).toEqual([13, 15]);
  });
});
