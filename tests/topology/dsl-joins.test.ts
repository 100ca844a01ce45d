import { describe, expect, it } from 'vitest';
import { describeTopology, type KStream, StreamsBuilder, TopologyTestDriver } from '#streams/index.ts';

const builderOf = () => new StreamsBuilder({ name: 'joins' });
const driverOf = (builder: StreamsBuilder) => new TopologyTestDriver(builder.build(), { partitions: 2 });
const written = (driver: TopologyTestDriver) =>
  driver.read('out').map(({ key, value, timestampMs }) => `${key}=${value}@${timestampMs}`);
/** Pipes `topic key value time`, e.g. `left a 1 100`; a value of `-` is a tombstone. */
function pipe(driver: TopologyTestDriver, ...lines: readonly string[]): void {
  for (const line of lines) {
    const [topic, key, value, time] = line.split(' ') as [string, string, string, string];
    driver.pipe(topic, { key, value: value === '-' ? null : value, timestampMs: Number(time) });
  }
}
const text = { value: 'string' } as const;
const pair = (left: string | null, right: string | null) => `${left}+${right}`;

describe('stream with stream', () => {
  const sides = (builder: StreamsBuilder) =>
    [builder.stream<string>('left', 'string'), builder.stream<string>('right', 'string')] as const;
  const window = { beforeMs: 10, afterMs: 5, ...text };

  it('joins what is near in time, at the later time', () => {
    const builder = builderOf();
    const [left, right] = sides(builder);
    left.join(right, pair, window).to('out');
    const driver = driverOf(builder);
    pipe(
      driver,
      'right a r1 100',
      'left a l1 110',
      'right a r2 115',
      'right a r3 116',
      'right b r4 112',
      'left a l2 121',
    );
    expect(written(driver)).toEqual(['a=l1+r1@110', 'a=l1+r2@115', 'a=l2+r2@121', 'a=l2+r3@121']);
  });

  it('gives what has no partner when its window closes', () => {
    const builder = builderOf();
    const [left, right] = sides(builder);
    left.outerJoin(right, pair, window).to('out');
    const driver = driverOf(builder);
    pipe(driver, 'left a l1 100', 'right a r1 120');
    expect(written(driver)).toEqual(['a=l1+null@100']);
    pipe(driver, 'left a l2 140');
    expect(written(driver)).toEqual(['a=null+r1@120']);
    pipe(driver, 'left a l0 90');
    expect(driver.readLate()).toMatchObject([{ topic: 'left', value: 'l0' }]);
    const inner = builderOf();
    const [one, other] = sides(inner);
    one.leftJoin(other, pair, window).to('out');
    const leftOnly = driverOf(inner);
    pipe(leftOnly, 'left a l1 100', 'right a r1 120', 'left a l2 140');
    expect(written(leftOnly)).toEqual(['a=l1+null@100']);
  });

  it.each([false, true])(
    'gives it too when time went on elsewhere, and what came of it was committed: %s',
    (commits) => {
      const builder = builderOf();
      const [left, right] = sides(builder);
      left
        .filter((value) => value !== 'skipped')
        .leftJoin(right, pair, window)
        .to('out');
      const driver = driverOf(builder);
      pipe(driver, 'left a l1 1000', 'left a skipped 2000');
      if (commits) driver.commit();
      pipe(driver, 'left a l2 3000');
      expect(written(driver)).toEqual(['a=l1+null@1000']);
    },
  );

  it('moves the side whose key changed', () => {
    const builder = builderOf();
    const [left, right] = sides(builder);
    const byValue = right.selectKey((value) => value);
    left.join(byValue, pair, { ...window, name: 'meet' }).to('out');
    const driver = driverOf(builder);
    pipe(driver, 'left a l 100', 'right x a 101');
    expect(written(driver)).toEqual(['a=l+a@101']);
    expect(describeTopology(builder.build())).toContain('joins.meet-right-by-key.repartition');
  });

  it.each<[string, (left: KStream<string>, right: KStream<string>) => void, RegExp]>([
    [
      'a window that ends before it starts',
      (left, right) => void left.join(right, pair, { beforeMs: 1, afterMs: -2 }),
      /"join-1".*are no window/,
    ],
    [
      'a side without a schema',
      (left, right) => void left.join(right.mapValues(Number), (one, two) => `${one}${two}`, window),
      /"join-1-right" needs the Avro schema/,
    ],
    [
      'another builder',
      (left) => void left.join(builderOf().stream<string>('x', 'string'), pair, window),
      /"join-1" would join parts of two builders/,
    ],
  ])('names the node of %s', (_what, join, message) => {
    const [left, right] = sides(builderOf());
    expect(() => join(left, right)).toThrow(message);
  });
});

describe('stream with table', () => {
  it('meets the row as it is, or with a history as it was', () => {
    for (const [history, expected] of [
      [{}, 'new'],
      [{ historyMs: 1000 }, 'old'],
    ] as const) {
      const builder = builderOf();
      const table = builder.table<string>('table', 'string', history);
      builder.stream<string>('left', 'string').join(table, pair, text).to('out');
      const driver = driverOf(builder);
      pipe(driver, 'left a l0 90', 'table a old 100', 'table a new 200', 'left a l1 150');
      expect(written(driver)).toEqual([`a=l1+${expected}@150`]);
    }
  });

  it('keeps records without a row in a left join, and puts a computed table in a store', () => {
    const builder = builderOf();
    const table = builder.table<string>('table', 'string').mapValues((value) => value.toUpperCase(), text);
    builder.stream<string>('left', 'string').leftJoin(table, pair, text).to('out');
    const driver = driverOf(builder);
    pipe(driver, 'left a l0 1', 'table a row 2', 'left a l1 3', 'table a - 4', 'left a l2 5');
    expect(written(driver)).toEqual(['a=l0+null@1', 'a=l1+ROW@3', 'a=l2+null@5']);
  });

  it('as of an event time: the last value at or before it, no older than the tolerance', () => {
    const builder = builderOf();
    const quotes = builder.table<string>('quotes', 'string', { historyMs: 1000 });
    builder
      .stream<string>('left', 'string')
      .leftAsOfJoin(quotes, (left, quote, _key, ageMs) => `${left}+${quote}/${ageMs}`, { toleranceMs: 50, ...text })
      .to('out');
    const driver = driverOf(builder);
    pipe(driver, 'quotes a q1 100', 'quotes a q3 300', 'quotes a q2 200');
    pipe(driver, 'left a t1 199', 'left a t2 200', 'left a t3 250', 'left a t4 299', 'left a t5 310', 'left b t6 310');
    expect(written(driver).map((line) => line.slice(2, line.indexOf('@')))).toEqual([
      't1+null/null',
      't2+q2/0',
      't3+q2/50',
      't4+null/null',
      't5+q3/10',
      't6+null/null',
    ]);
  });

  it('says that a join as of a time needs a history', () => {
    const builder = builderOf();
    const table = builder.table<string>('table', 'string');
    const join = () => builder.stream<string>('left', 'string').asOfJoin(table, pair);
    expect(join).toThrow(/"as-of-join-1" reads its table as of earlier times: make it with \{ historyMs \}/);
  });

  it('takes what another value replaced before the history began for late, and what is old for history', () => {
    const builder = builderOf();
    const table = builder.table<string>('table', 'string', { historyMs: 100 });
    table.toStream().to('out');
    const driver = new TopologyTestDriver(builder.build());
    pipe(driver, 'table a first 880', 'table a new 1000', 'table a older 950', 'table a - 940', 'table a past 870');
    expect(written(driver)).toEqual(['a=first@880', 'a=new@1000']);
    expect(driver.readLate()).toMatchObject([{ value: 'past', timestampMs: 870 }]);
  });
});

describe('stream with global table', () => {
  it('joins by any key, as of the record where there is a history', () => {
    for (const [options, expected] of [
      [{}, 'new'],
      [{ historyMs: 1000 }, 'old'],
    ] as const) {
      const builder = builderOf();
      const table = builder.globalTable<string>('table', 'string', options);
      const left = builder.stream<string>('left', 'string');
      left.joinGlobal(table, (value) => value, pair, text).to('out');
      left.leftJoinGlobal(table, (value, key) => `${key}${value}`, pair, text).to('out');
      const driver = driverOf(builder);
      pipe(driver, 'table v old 100', 'table v new 200', 'left k v 150');
      expect(written(driver)).toEqual([`k=v+${expected}@150`, 'k=v+null@150']);
    }
  });
});

describe('table with table', () => {
  const tables = (builder: StreamsBuilder) =>
    [
      builder.table<string>('left', 'string'),
      builder.table<string>('right', 'string').filter((value) => value !== 'no'),
    ] as const;
  const story = [
    'left a l1 1',
    'right a no 2',
    'right a r1 3',
    'left a l2 4',
    'left a - 5',
    'right b r2 6',
    'right a no 7',
  ];

  it.each([
    ['join', ['l1+r1', 'l2+r1', 'null']],
    ['leftJoin', ['l1+null', 'l1+r1', 'l2+r1', 'null']],
    ['outerJoin', ['l1+null', 'l1+r1', 'l2+r1', 'null+r1', 'null+r2', 'null']],
  ] as const)('%s', (join, expected) => {
    const builder = builderOf();
    const [left, right] = tables(builder);
    left[join](right, pair, text).toStream().to('out');
    const driver = driverOf(builder);
    pipe(driver, ...story);
    expect(driver.read('out').map(({ value }) => `${value}`)).toEqual(expected);
  });
});
