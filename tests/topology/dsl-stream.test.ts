import { describe, expect, it } from 'vitest';
import { StreamsBuilder } from '#streams/dsl/builder.ts';
import { untilTimeLimit, untilWindowCloses } from '#streams/dsl/suppress.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { TopologyTestDriver } from '#streams/testing/driver.ts';
import { describeTopology } from '#streams/topology/describe.ts';
import { compileTopology } from '#streams/topology/topology.ts';

const ORDER: AvroSchema = {
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'buyer', type: 'string' },
    { name: 'amount', type: 'long' },
  ],
};
interface Order {
  readonly buyer: string;
  readonly amount: number;
}
const builderOf = () => new StreamsBuilder({ name: 'shop' });
const order = (buyer: string, amount: number): Order => ({ buyer, amount });
/** `key=value` of everything written to a topic, values as JSON. */
const written = (driver: TopologyTestDriver, topic: string) =>
  driver.read(topic).map(({ key, value }) => `${key}=${JSON.stringify(value)}`);

describe('KStream', () => {
  it('filters, maps and flattens', () => {
    const builder = builderOf();
    const orders = builder.stream<Order>('shop.orders', ORDER);
    orders
      .filter(({ amount }) => amount > 1)
      .filterNot(({ buyer }) => buyer === 'eve')
      .to('large');
    orders.map(({ buyer, amount }) => ({ key: buyer, value: amount }), { value: 'long' }).to('by-buyer');
    orders.mapValues(({ amount }, key) => `${key}:${amount}`, { value: 'string' }).to('texts');
    orders.flatMapValues(({ amount }) => Array.from({ length: amount }, (_, n) => n), { value: 'int' }).to('ones');
    orders
      .flatMap(({ buyer }) => [...buyer].map((value) => ({ key: value, value })), { value: 'string' })
      .to('letters');
    const driver = new TopologyTestDriver(builder.build());
    driver.pipe('shop.orders', { key: 'a', value: order('bob', 3), timestampMs: 1 });
    driver.pipe('shop.orders', { key: 'b', value: order('al', 1), timestampMs: 2 });
    driver.pipe('shop.orders', { key: 'c', value: order('eve', 2), timestampMs: 3 });
    expect(written(driver, 'large')).toEqual(['a={"buyer":"bob","amount":3}']);
    expect(written(driver, 'by-buyer')).toEqual(['bob=3', 'al=1', 'eve=2']);
    expect(written(driver, 'texts')).toEqual(['a="a:3"', 'b="b:1"', 'c="c:2"']);
    expect(written(driver, 'ones')).toEqual(['a=0', 'a=1', 'a=2', 'b=0', 'c=0', 'c=1']);
    expect(written(driver, 'letters')).toEqual([
      'b="b"',
      'o="o"',
      'b="b"',
      'a="a"',
      'l="l"',
      'e="e"',
      'v="v"',
      'e="e"',
    ]);
  });

  it('carries the trace context of whatever causes a result, through repartition topics, aggregates and joins', () => {
    const builder = builderOf();
    const names = builder.table<string>('shop.names', 'string');
    const totals = builder
      .stream<Order>('shop.orders', ORDER)
      .groupBy(({ buyer }) => buyer)
      .aggregate<number>(
        () => 0,
        (sum, { amount }) => sum + amount,
        { value: 'long', name: 'spent' },
      );
    totals
      .join(names, (spent, name) => `${name}: ${spent}`, { value: 'string' })
      .toStream()
      .to('out');
    const driver = new TopologyTestDriver(builder.build(), { partitions: 3 });
    const trace = (id: number) => {
      const value = Buffer.from(`00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333${id}-01`);
      return [
        { key: 'traceparent', value },
        { key: 'tracestate', value: Buffer.from(`desk=${id}`) },
      ];
    };
    driver.pipe('shop.names', { key: 'bob', value: 'Bob', timestampMs: 1, headers: trace(1) });
    driver.pipe('shop.orders', { key: 'a', value: order('bob', 3), timestampMs: 2, headers: trace(2) });
    driver.pipe('shop.orders', { key: 'b', value: order('bob', 4), timestampMs: 3, headers: trace(3) });
    driver.pipe('shop.names', { key: 'bob', value: 'Robert', timestampMs: 4, headers: trace(4) });
    expect(driver.read('out')).toMatchObject([
      { value: 'Bob: 3', headers: trace(2) },
      { value: 'Bob: 7', headers: trace(3) },
      { value: 'Robert: 7', headers: trace(4) },
    ]);
  });

  it('passes headers and event times on, and shows them to functions', () => {
    const builder = builderOf();
    const seen: string[] = [];
    builder
      .stream<Order>('shop.orders', ORDER)
      .peek((_value, key, { headers, timestampMs }) => void seen.push(`${key} ${headers[0]!.value} ${timestampMs}`))
      .selectKey(({ buyer }) => buyer)
      .to('out');
    const driver = new TopologyTestDriver(builder.build());
    const headers = [{ key: 'trace', value: Buffer.from('t1') }];
    driver.pipe('shop.orders', { key: 'k', value: order('bob', 1), timestampMs: 7, headers });
    expect(seen).toEqual(['k t1 7']);
    expect(driver.read('out')).toMatchObject([{ key: 'bob', timestampMs: 7, headers }]);
  });

  it('splits by the first branch that accepts, and merges', () => {
    const builder = builderOf();
    const { large, bobs } = builder.stream<Order>('shop.orders', ORDER).split({
      large: ({ amount }) => amount > 9,
      bobs: ({ buyer }) => buyer === 'bob',
    });
    large.merge(bobs).to('both');
    bobs.to('bobs');
    const driver = new TopologyTestDriver(builder.build());
    for (const [index, [buyer, amount]] of (
      [
        ['bob', 10],
        ['bob', 1],
        ['al', 1],
        ['al', 11],
      ] as const
    ).entries())
      driver.pipe('shop.orders', { key: `${index}`, value: order(buyer, amount), timestampMs: index });
    expect(driver.read('both').map(({ key }) => key)).toEqual(['0', '1', '3']);
    expect(driver.read('bobs').map(({ key }) => key)).toEqual(['1']);
  });

  it('moves records by key only where the key changed', () => {
    const builder = builderOf();
    const orders = builder.stream<Order>('shop.orders', ORDER);
    orders.groupByKey().count().toStream().to('plain', { value: 'long' });
    orders
      .selectKey(({ buyer }) => buyer)
      .groupByKey({ name: 'by-buyer' })
      .count()
      .toStream()
      .to('moved');
    const { subTopologies } = compileTopology(builder.build());
    const internal = subTopologies.flatMap((sub) => sub.sources.filter((source) => source.internal));
    expect(internal.map((source) => source.topic)).toEqual(['shop.by-buyer.repartition']);
  });

  it('counts and drops what cannot be grouped, and tombstones that no function asked for', () => {
    const builder = builderOf();
    const orders = builder.stream<Order>('shop.orders', ORDER);
    orders.groupByKey().count({ store: 'counts' });
    orders
      .selectKey(({ buyer }) => buyer)
      .groupByKey()
      .count({ store: 'buyers' });
    const driver = new TopologyTestDriver(builder.build());
    driver.pipe('shop.orders', { key: null, value: order('al', 1), timestampMs: 1 });
    driver.pipe('shop.orders', { key: 'a', value: null, timestampMs: 2 });
    expect(driver.count('null-key')).toBe(1);
    expect(driver.count('null-value')).toBe(2);
    expect([...driver.store('counts').entries()]).toEqual([]);
    expect([...driver.store('buyers').entries()]).toEqual([['al', 1]]);
  });

  it('gives tombstones to functions where the stream says so', () => {
    const builder = builderOf();
    builder
      .stream<Order>('shop.orders', ORDER, { tombstones: true })
      .mapValues((value) => value === null, { value: 'boolean' })
      .to('gone');
    const driver = new TopologyTestDriver(builder.build());
    driver.pipe('shop.orders', { key: 'a', value: null, timestampMs: 2 });
    expect(written(driver, 'gone')).toEqual(['a=true']);
  });

  it('writes a topic as it is to another, tombstones too', () => {
    const builder = builderOf();
    builder.stream<Order>('shop.orders', ORDER).to('copy');
    const driver = new TopologyTestDriver(builder.build());
    driver.pipe('shop.orders', { key: 'a', value: null, timestampMs: 2 });
    expect(driver.read('copy')).toMatchObject([{ key: 'a', value: null }]);
  });

  it('runs processors with stores and with punctuators of both clocks', () => {
    const builder = builderOf();
    builder.store('sums', { value: 'long' });
    builder
      .stream<Order>('shop.orders', ORDER)
      .process<number>(
        (context) => {
          const sums = context.store<number>('sums');
          const emit = (sign: number) => (timestampMs: number) => {
            for (const [key, sum] of sums.range()) context.emit(key, sign * sum, timestampMs);
          };
          context.schedule(100, 'event-time', emit(1));
          context.schedule(1000, 'wall-clock', emit(-1));
          return { process: ({ key, value }) => sums.put(key!, (sums.get(key!) ?? 0) + value.amount) };
        },
        { stores: ['sums'], value: 'long' },
      )
      .to('sums');
    const driver = new TopologyTestDriver(builder.build());
    for (const [timestampMs, amount] of [
      [10, 1],
      [90, 2],
      [110, 3],
    ] as const)
      driver.pipe('shop.orders', { key: 'a', value: order('al', amount), timestampMs });
    expect(driver.read('sums')).toMatchObject([{ value: 6, timestampMs: 100 }]);
    driver.advanceWallClock(999);
    expect(driver.read('sums')).toEqual([]);
    driver.advanceWallClock(1);
    expect(driver.read('sums')).toMatchObject([{ value: -6, timestampMs: 1000 }]);
  });

  it('lets processors read global tables', () => {
    const builder = builderOf();
    const rates = builder.globalTable<number>('shop.rates', 'double', { historyMs: 1000, name: 'rates' });
    builder
      .stream<Order>('shop.orders', ORDER)
      .processValues<number>(
        (context) => {
          const table = context.global<number>(rates.name);
          return {
            process: ({ key, value, timestampMs }) =>
              context.emit(key, value.amount * (table.getAsOf('EUR', timestampMs)?.value ?? 0), timestampMs),
          };
        },
        { globals: [rates.name], value: 'double' },
      )
      .to('out');
    const driver = new TopologyTestDriver(builder.build(), { partitions: 2 });
    driver.pipe('shop.rates', { key: 'EUR', value: 2, timestampMs: 10 });
    driver.pipe('shop.rates', { key: 'EUR', value: 3, timestampMs: 20 });
    for (const [key, timestampMs] of [
      ['a', 5],
      ['b', 15],
      ['c', 25],
    ] as const)
      driver.pipe('shop.orders', { key, value: order('al', 1), timestampMs });
    expect(driver.read('out').map(({ value }) => value)).toEqual([0, 2, 3]);
    expect(driver.global<number>('rates').get('EUR')).toBe(3);
  });
});

describe('KTable', () => {
  it('is made of a stream by its key, and its tombstones find their way through a repartition topic', () => {
    const builder = builderOf();
    builder
      .stream<Order>('shop.orders', ORDER, { tombstones: true })
      .selectKey((_value, key) => `${key}${key}`)
      .toTable({ name: 'latest', store: 'latest-orders' })
      .toStream()
      .to('out');
    const driver = new TopologyTestDriver(builder.build(), { partitions: 2 });
    for (const value of [order('al', 1), null, null]) driver.pipe('shop.orders', { key: 'k', value, timestampMs: 1 });
    expect(written(driver, 'out')).toEqual(['kk={"buyer":"al","amount":1}', 'kk=null']);
  });

  it('deletes what a filter no longer accepts', () => {
    const builder = builderOf();
    const table = builder.table<Order>('shop.orders', ORDER, { store: 'orders' });
    table
      .filter(({ amount }) => amount > 1)
      .mapValues(({ amount }) => amount, { value: 'long' })
      .toStream()
      .to('large');
    const driver = new TopologyTestDriver(builder.build());
    for (const [index, amount] of [1, 5, 6, 1, 0].entries())
      driver.pipe('shop.orders', { key: 'a', value: order('al', amount), timestampMs: index });
    expect(written(driver, 'large')).toEqual(['a=5', 'a=6', 'a=null']);
    driver.pipe('shop.orders', { key: 'a', value: null, timestampMs: 9 });
    expect(driver.store('orders').size).toBe(0);
    expect(table.store).toBe('orders');
  });

  it('takes values out of the group they leave', () => {
    const builder = builderOf();
    builder
      .table<Order>('shop.orders', ORDER)
      .groupBy(({ buyer, amount }) => ({ key: buyer, value: amount }), { value: 'long', name: 'buyers' })
      .aggregate(
        () => 0,
        (sum, amount) => sum + amount,
        (sum, amount) => (sum === amount ? null : sum - amount),
        { value: 'long', store: 'sums' },
      )
      .toStream()
      .to('sums');
    const driver = new TopologyTestDriver(builder.build(), { partitions: 3 });
    const pipe = (key: string, value: Order | null) => driver.pipe('shop.orders', { key, value, timestampMs: 1 });
    pipe('1', order('al', 5));
    pipe('2', order('al', 7));
    pipe('2', order('al', 8));
    pipe('1', order('bob', 5));
    pipe('2', null);
    expect(written(driver, 'sums')).toEqual(['al=5', 'al=12', 'al=13', 'al=8', 'bob=5', 'al=null']);
  });

  it('holds changes back for a time, and hands on the oldest early where there are too many', () => {
    const builder = builderOf();
    builder
      .table<Order>('shop.orders', ORDER)
      .mapValues(({ amount }) => amount, { value: 'long' })
      .suppress(untilTimeLimit({ limitMs: 10, maxRecords: 2 }))
      .toStream()
      .to('calm');
    const driver = new TopologyTestDriver(builder.build());
    const pipe = (key: string, amount: number, timestampMs: number) =>
      driver.pipe('shop.orders', { key, value: order('x', amount), timestampMs });
    pipe('a', 1, 100);
    pipe('a', 2, 105);
    expect(written(driver, 'calm')).toEqual([]);
    driver.commit();
    pipe('b', 3, 110);
    expect(written(driver, 'calm')).toEqual(['a=2']);
    driver.abort();
    pipe('b', 4, 110);
    expect(written(driver, 'calm')).toEqual(['a=2']);
    pipe('c', 5, 111);
    pipe('d', 6, 112);
    expect(written(driver, 'calm')).toEqual(['b=4']);
  });
});

describe('the builder', () => {
  it.each<[string, (builder: StreamsBuilder) => void, RegExp]>([
    [
      'a schema that is not known',
      (builder) =>
        builder
          .stream('t', ORDER)
          .mapValues((value) => value, { name: 'same' })
          .to('out'),
      /Node "to-out" needs the Avro schema of its values for topic out/,
    ],
    [
      'a schema for a repartition topic',
      (builder) =>
        void builder
          .stream('t', ORDER)
          .map((value) => ({ key: '', value }))
          .groupByKey({ name: 'moved' }),
      /Node "moved" needs the Avro schema of its values for its repartition topic/,
    ],
    [
      'a name that is taken',
      (builder) =>
        void builder
          .stream('t', ORDER)
          .peek(() => {}, { name: 'look' })
          .peek(() => {}, { name: 'look' }),
      /Node "look" exists already/,
    ],
    [
      'a topic with two schemas',
      (builder) => void [builder.stream('t', ORDER), builder.stream('t', 'long')],
      /Topic "t" is read by "from-t" already/,
    ],
    [
      'a wait for windows without windows',
      (builder) => void builder.table('t', ORDER).suppress(untilWindowCloses({ maxRecords: 1 }), { name: 'wait' }),
      /Node "wait" waits for windows to close, but its table has none/,
    ],
  ])('names the node of %s', (_what, build, message) => {
    expect(() => build(builderOf())).toThrow(message);
  });

  it('gives the same names to the same program', () => {
    const build = () => {
      const builder = builderOf();
      const orders = builder.stream<Order>('shop.orders', ORDER);
      orders
        .filter(() => true)
        .filter(() => true)
        .to('out');
      builder.stream<Order>('shop.orders', ORDER).toTable();
      return describeTopology(builder.build());
    };
    expect(build()).toBe(build());
  });
});
