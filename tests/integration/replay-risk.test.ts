import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { AVRO } from '#schemas/avro.ts';
import { parseDecimal } from '#schemas/decimal.ts';
import type {
  CashMovement,
  CorporateAction,
  Fill,
  OrderRequest,
  RiskLimit,
  Trade,
  Types,
} from '#schemas/generated/types.ts';
import { partitionKeyOf, TOPICS, type TopicName, topicConfig } from '#schemas/topics.ts';
import { type Kafka, openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { runTopology } from '#streams/runtime/index.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { bars } from '#topologies/bars/graph.ts';
import { limits } from '#topologies/limits/graph.ts';
import { portfolio } from '#topologies/portfolio/graph.ts';
import { positions } from '#topologies/positions/graph.ts';
import { risk } from '#topologies/risk/graph.ts';
import { closesOf } from '../golden/history.ts';
import { instrument, limit } from '../topology/limits-records.ts';
import { startServices } from './harness.ts';

const LIMIT_MS = 240_000;
const INSTRUMENTS = ['AAPL', 'KO', 'XOM', 'SP500'] as const;
const DAYS = 130;
const series = INSTRUMENTS.map((instrument) => ({ instrument, ...closesOf(instrument) }));
const last = series[0]!.dates.indexOf('2008-12-31');
const days = series[0]!.dates.slice(last - DAYS, last + 1);
const closeOf = (date: string) => Date.parse(`${date}T20:00:00Z`) * 1000;

const trades = days.flatMap((date) =>
  series.map(({ instrument, dates, prices }): Trade => {
    const price = prices[dates.indexOf(date)]!;
    return { eventTime: closeOf(date), instrument, price, size: 100, source: 'test', sequence: null };
  }),
);
const fills = ['fund', 'other'].flatMap((owner, portfolioIndex) =>
  INSTRUMENTS.slice(0, 3).map(
    (instrument, index): Fill => ({
      eventTime: closeOf(days[index * 10]!),
      fillId: `${owner}-${index}`,
      action: 'NEW',
      portfolio: owner,
      instrument,
      side: index === portfolioIndex ? 'SELL' : 'BUY',
      quantity: parseDecimal('1000'),
      price: parseDecimal('50'),
      commission: parseDecimal('1'),
      orderId: null,
      venue: 'test',
    }),
  ),
);

const cash = ['fund', 'other'].map(
  (portfolio): CashMovement => ({
    eventTime: closeOf(days[0]!) - 1,
    cashId: portfolio,
    portfolio,
    amount: parseDecimal('1000000'),
    currency: null,
    source: 'test',
  }),
);
const LIMITS: readonly RiskLimit[] = ['fund', 'other'].flatMap((portfolio) =>
  [
    limit('gross', 'gross-exposure', 150_000),
    limit('var', 'value-at-risk', 4_000),
    limit('loss', 'daily-loss', 1_000, { severity: 'SOFT' }),
    limit('stale', 'stale-data', 4 * 86_400_000, { severity: 'SOFT' }),
    limit('size', 'order-size', 20_000),
    limit('rate', 'order-rate', 5, { windowMs: 3_600_000 }),
  ].map((one) => ({ ...one, portfolio, eventTime: closeOf(days[0]!) - 1 })),
);
const orders = days.flatMap((date, day) =>
  ['fund', 'other'].map(
    (portfolio, index): OrderRequest => ({
      eventTime: closeOf(date) + 1,
      orderId: `${portfolio}-${day}`,
      portfolio,
      instrument: INSTRUMENTS[(day + index) % 3]!,
      side: day % 3 === 0 ? 'SELL' : 'BUY',
      quantity: parseDecimal(String(100 + 10 * (day % 40))),
      orderType: 'MARKET_ON_CLOSE',
      strategy: 'test',
      decisionPrice: null,
    }),
  ),
);
/** One that is known before, and one that comes after its ex time. */
const actions: readonly CorporateAction[] = [
  {
    eventTime: closeOf(days[0]!),
    actionId: 'split',
    instrument: 'AAPL',
    type: 'SPLIT',
    exTime: closeOf(days[60]!) - 3_600e6,
    newUnits: parseDecimal('3'),
    oldUnits: parseDecimal('2'),
    amount: null,
    source: 'test',
  },
  {
    eventTime: closeOf(days[80]!),
    actionId: 'dividend',
    instrument: 'KO',
    type: 'CASH_DIVIDEND',
    exTime: closeOf(days[70]!) - 3_600e6,
    newUnits: null,
    oldUnits: null,
    amount: parseDecimal('0.38'),
    source: 'test',
  },
];
const descriptions = INSTRUMENTS.map((name) => instrument(name, 'Energy'));

/** A system of its own: the five topologies replayed one after the other, and what risk and limits have written, byte for byte. */
async function run(
  batch: number,
  cutEveryRecords: number,
  stopEveryCommits: number,
): Promise<Record<string, string[]>> {
  const services = await startServices({ kafka: true, registry: true });
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-replay-risk-'));
  try {
    const brokers = services.kafkaBrokers;
    const kafka = await openKafka({ brokers, clientId: 'replay-risk', log: silentLog });
    const registry = new SchemaRegistry(services.registryUrl);
    await prepare(kafka, registry, batch);
    for (const definition of [positions(), portfolio(), bars(), risk(), limits()]) {
      const options = { kafka, brokers, registry, stateFolder: folder, topicConfig, log: silentLog };
      await replay(definition, options, cutEveryRecords, stopEveryCommits);
    }
    const written = {
      measures: await read(kafka, 'risk.measures'),
      backtests: await read(kafka, 'risk.backtests'),
      utilisation: await read(kafka, 'risk.utilisation'),
      breaches: await read(kafka, 'risk.breaches'),
      decisions: await read(kafka, 'orders.decisions'),
      returns: await read(kafka, 'market.returns'),
      audit: await read(kafka, 'audit.trail'),
    };
    await kafka.close();
    return written;
  } finally {
    await services.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function prepare(kafka: Kafka, registry: SchemaRegistry, batch: number): Promise<void> {
  await kafka.createTopics(
    Object.values(TOPICS).map(({ name, partitions, cleanup }) => ({ name, partitions, config: topicConfig(cleanup) })),
  );
  const producer = await kafka.openProducer();
  const send = async <T extends TopicName>(
    topic: T,
    values: readonly Types[T][],
    keyOf: (value: Types[T]) => string,
  ) => {
    const serde = await topicSerde<Types[T]>(registry, topic, AVRO[topic]);
    for (const [index, value] of values.entries()) {
      const key = keyOf(value);
      const timestampMs = Math.floor(value.eventTime / 1000);
      const partitionKey = partitionKeyOf(topic, key);
      await producer.send({ topic, key, value: serde.encode(value), timestampMs, partitionKey });
      if (index % batch === 0) await producer.flush();
    }
    await producer.flush();
  };
  for (const topic of Object.keys(TOPICS) as TopicName[]) await topicSerde(registry, topic, AVRO[topic]);
  await send('reference.instruments', descriptions, (value) => value.instrument);
  await send('reference.corporate-actions', actions, (value) => `${value.instrument}/${value.actionId}`);
  await send('portfolio.cash', cash, (value) => value.portfolio);
  await send('risk.limits', LIMITS, (value) => `${value.portfolio}/${value.limitId}`);
  await send('orders.fills', fills, (value) => value.portfolio);
  await send('orders.requests', orders, (value) => value.portfolio);
  await send('market.trades', trades, (value) => value.instrument);
  await producer.close();
}

/** As it stands in the records. */
const ACTIONS_TOPIC_HEX = Buffer.from('reference.corporate-actions').toString('hex');

type Options = Omit<Parameters<typeof runTopology>[1], 'metrics' | 'replay' | 'onStep'>;

/** To the end of its inputs; stopped and started again at every so many commits (0: never). */
async function replay(definition: TopologyDefinition, options: Options, cut: number, stopEvery: number): Promise<void> {
  for (let isDone = false; !isDone; ) {
    let commits = 0;
    isDone = true;
    const running = await runTopology(definition, {
      ...options,
      metrics: new Metrics(),
      sessionTimeoutMs: 6_000,
      replay: { cutEveryRecords: cut },
      onStep: (step) => {
        if (step !== 'end' || stopEvery === 0 || ++commits !== stopEvery) return;
        isDone = false;
        running.stop().catch(() => undefined);
      },
    });
    await running.done;
  }
}

async function read(kafka: Kafka, topic: TopicName): Promise<string[]> {
  const ends = await kafka.offsets(topic, 'latest-stable');
  const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
  const found: string[] = [];
  while (ends.some((end, partition) => reader.position(topic, partition) < end))
    for (const { partition, records } of await reader.poll())
      for (const { key, value, timestampMs } of records)
        found.push(`${partition} ${key} ${timestampMs} ${value?.toString('hex')}`);
  await reader.close();
  // Partitions come as they come; within one the order stays.
  return found.sort((a, b) => Number(a[0]) - Number(b[0]));
}

it(
  'gives the same risk, breaches and decisions, byte for byte, from the same trades, fills, splits and orders: in other batches, and stopped on its way',
  async () => {
    const first = await run(1_000, 60, 0);
    expect(first.measures!.length).toBeGreaterThan(2 * DAYS);
    expect(first.backtests!.length).toBeGreaterThan(20);
    expect(first.utilisation!.length).toBeGreaterThan(DAYS);
    expect(first.breaches!.length).toBeGreaterThan(20);
    expect(first.decisions).toHaveLength(orders.length);
    // Both portfolios hold both instruments; the rest is of limits.
    expect(first.audit!.filter((entry) => entry.includes(ACTIONS_TOPIC_HEX))).toHaveLength(4);
    expect(await run(3, 60, 4)).toEqual(first);
  },
  LIMIT_MS,
);
