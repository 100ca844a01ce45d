import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import type { System } from '#ops/embedded/launcher.ts';
import { AVRO } from '#schemas/avro.ts';
import { decimalFromNumber } from '#schemas/decimal.ts';
import type { CashMovement, Fill, Trade } from '#schemas/generated/types.ts';
import { type Kafka, openKafka, type Producer, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { untilCaughtUp } from '#tests/chaos/ledger-check.ts';
import { startTestSystem, until } from '#tests/integration/harness.ts';
import { machine, quantile, spread } from './figures.ts';

const INSTRUMENTS = 20;
const PORTFOLIOS = 3;
const BURST = 200_000;
const RATE = 5_000;
const LATENCY_SECONDS = 10;
const WARM_SECONDS = 3;

interface Bench {
  readonly system: System;
  readonly kafka: Kafka;
  readonly producer: Producer;
  send(index: number, eventTime: number): void | Promise<void>;
}

/**
 * The whole pipeline on this machine: every portfolio holds every instrument, so a tick becomes `PORTFOLIOS` positions and as
 * many portfolio values. Throughput: a burst of ticks, from the first send until `portfolio` has committed the last; beside it,
 * in alternation, reading the same ticks with a plain kafkajs consumer that does nothing with them. Latency: ticks at a steady
 * rate stamped with the wall clock, until a GraphQL subscriber over WebSocket has them.
 */
export async function pipelineBenchmark({
  pairs,
  log,
}: {
  pairs: number;
  log: (text: string) => void;
}): Promise<unknown> {
  const system = await startTestSystem();
  const kafka = await openKafka({ brokers: system.kafkaBrokers, clientId: 'bench' });
  const producer = await kafka.openProducer();
  try {
    const bench = await prepare(system, kafka, producer);
    const ticks: number[] = [];
    const outputs: number[] = [];
    const plain: number[] = [];
    await burst(bench);
    for (let pair = 0; pair < pairs; pair++) {
      const seconds = await burst(bench);
      ticks.push(BURST / seconds);
      outputs.push((BURST * (1 + 2 * PORTFOLIOS)) / seconds);
      plain.push(BURST / (await readPlainly(system, kafka)));
      log(
        `pair ${pair + 1}: ${Math.round(ticks.at(-1)!)} ticks/s through the pipeline, ${Math.round(plain.at(-1)!)}/s read and dropped by kafkajs`,
      );
    }
    log('waiting for the sinks to have the bursts too');
    await until('every reader to have the bursts', () => settled(system), 300_000);
    const latencyMs = await latency(bench, log);
    return {
      benchmark: 'pipeline',
      machine: machine(),
      instruments: INSTRUMENTS,
      portfolios: PORTFOLIOS,
      burst: BURST,
      pairs,
      ticksPerSecond: spread(ticks),
      recordsPerSecond: {
        ...spread(outputs),
        what: `ticks read, ${PORTFOLIOS} positions and ${PORTFOLIOS} portfolio values written for each, exactly once`,
      },
      kafkajsReadOnlyPerSecond: spread(plain),
      ratioToReadOnly: spread(
        ticks.map((value, index) => value / plain[index]!),
        3,
      ),
      latencyMs,
    };
  } finally {
    await producer.close();
    await kafka.close();
    await system.stop();
  }
}

async function prepare(system: System, kafka: Kafka, producer: Producer): Promise<Bench> {
  const registry = new SchemaRegistry(system.registryUrl);
  const trades = await topicSerde<Trade>(registry, 'market.trades', AVRO['market.trades']);
  const fills = await topicSerde<Fill>(registry, 'orders.fills', AVRO['orders.fills']);
  const cash = await topicSerde<CashMovement>(registry, 'portfolio.cash', AVRO['portfolio.cash']);
  const eventTime = (Date.now() - 60_000) * 1000;
  const timestampMs = eventTime / 1000;
  for (let p = 0; p < PORTFOLIOS; p++) {
    const portfolio = `bench-${p}`;
    const value = {
      eventTime,
      cashId: `${portfolio}:initial`,
      portfolio,
      amount: decimalFromNumber(1e7),
      currency: null,
      source: 'bench',
    };
    await producer.send({ topic: 'portfolio.cash', key: portfolio, value: cash.encode(value), timestampMs });
    for (let i = 0; i < INSTRUMENTS; i++) {
      const fill: Fill = {
        eventTime,
        fillId: `${portfolio}:${i}`,
        action: 'NEW',
        portfolio,
        instrument: `SYN${i}`,
        side: i % 4 === 3 ? 'SELL' : 'BUY',
        quantity: decimalFromNumber(100 + i),
        price: decimalFromNumber(100),
        commission: decimalFromNumber(1),
        orderId: null,
        venue: 'bench',
      };
      await producer.send({ topic: 'orders.fills', key: portfolio, value: fills.encode(fill), timestampMs });
    }
  }
  await producer.flush();
  const send = (index: number, at: number) => {
    const instrument = `SYN${index % INSTRUMENTS}`;
    const trade: Trade = {
      eventTime: at,
      instrument,
      price: 100 + (index % 997) / 100,
      size: 100,
      source: 'synthetic',
      sequence: index,
    };
    return producer.send({
      topic: 'market.trades',
      key: instrument,
      value: trades.encode(trade),
      timestampMs: Math.floor(at / 1000),
    });
  };
  const bench = { system, kafka, producer, send };
  await send(0, Date.now() * 1000);
  await producer.flush();
  await untilCaughtUp(system, 60_000);
  return bench;
}

/** Seconds from the first tick of a burst until the last portfolio value is committed. */
async function burst({ kafka, producer, send }: Bench): Promise<number> {
  const startMs = performance.now();
  const eventTime = Date.now() * 1000;
  for (let index = 0; index < BURST; index++) {
    const full = send(index, eventTime);
    if (full) await full;
  }
  await producer.flush();
  const done = async (group: string, topic: string) => {
    const ends = await kafka.offsets(topic, 'latest-stable');
    const committed = await kafka.committedOffsets(group, topic);
    return ends.every((end, partition) => Math.max(0, committed[partition]!) >= end);
  };
  await until('positions to finish the burst', () => done('positions', 'market.trades'), 120_000);
  await until('portfolio to finish the burst', () => done('portfolio', 'portfolio.positions'), 120_000);
  return (performance.now() - startMs) / 1000;
}

/** Seconds that kafkajs takes to read the newest burst and do nothing with it. */
async function readPlainly(system: System, kafka: Kafka): Promise<number> {
  const { Kafka: KafkaJs, logLevel } = await import('kafkajs');
  const consumer = new KafkaJs({
    clientId: 'plain',
    brokers: [...system.kafkaBrokers],
    logLevel: logLevel.NOTHING,
  }).consumer({ groupId: `plain-${Date.now()}` });
  const ends = await kafka.offsets('market.trades', 'latest');
  const begins = ends.map((end) => Math.max(0, end - Math.floor(BURST / ends.length)));
  const wanted = ends.reduce((sum, end, partition) => sum + end - begins[partition]!, 0);
  await consumer.connect();
  await consumer.subscribe({ topic: 'market.trades' });
  let read = 0;
  let startMs = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      if (batch.firstOffset() === null || Number(batch.firstOffset()) < begins[batch.partition]!) return;
      startMs ||= performance.now();
      read += batch.messages.length;
      if (read >= wanted) resolve();
    },
  });
  for (const [partition, begin] of begins.entries())
    consumer.seek({ topic: 'market.trades', partition, offset: String(begin) });
  await promise;
  const seconds = (performance.now() - startMs) / 1000;
  await consumer.disconnect();
  return (seconds * BURST) / wanted;
}

/** True when nothing is left to read for topologies, sinks and live views: a backlog would be measured as latency. */
async function settled(system: System): Promise<boolean> {
  const text = await (await fetch(`${system.httpUrl}/metrics`)).text();
  const lags = [...text.matchAll(/^tidemark_[a-z_]*lag_records\{[^}]*\} (\d+)/gm)].map((match) => Number(match[1]));
  return lags.length > 0 && lags.every((lag) => lag === 0);
}

/** Milliseconds from a tick's stamp to the subscriber's callback, for the tick itself and for the portfolio value it caused. */
async function latency({ system, send }: Bench, log: (text: string) => void) {
  const client = createClient({ url: `${system.httpUrl.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket });
  const samples = { trades: [] as number[], portfolioPnl: [] as number[] };
  let measuring = false;
  const subscribe = (field: keyof typeof samples, query: string) =>
    client.subscribe<Record<string, { eventTime: string }>>(
      { query },
      {
        next: ({ data }) => {
          if (measuring && data)
            samples[field].push(Date.now() + (performance.now() % 1) - Date.parse(data[field]!.eventTime));
        },
        error: (error) => log(`subscription failed: ${JSON.stringify(error)}`),
        complete: () => {},
      },
    );
  subscribe('trades', 'subscription { trades { instrument eventTime price size } }');
  subscribe('portfolioPnl', 'subscription { portfolioPnl { portfolioId eventTime equity } }');
  const startMs = performance.now();
  let sent = 0;
  for (;;) {
    const elapsed = (performance.now() - startMs) / 1000;
    if (elapsed > WARM_SECONDS + LATENCY_SECONDS) break;
    measuring = elapsed > WARM_SECONDS;
    for (; sent < elapsed * RATE; sent++) {
      const full = send(sent, Date.now() * 1000);
      if (full) await full;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await client.dispose();
  const figures = (values: readonly number[]) => ({
    received: values.length,
    p50: Math.round(quantile(values, 0.5)),
    p99: Math.round(quantile(values, 0.99)),
    max: Math.round(Math.max(...values)),
  });
  if (samples.trades.length === 0 || samples.portfolioPnl.length === 0)
    throw new Error('the subscriber received nothing');
  return {
    ticksPerSecond: Math.round(sent / (WARM_SECONDS + LATENCY_SECONDS)),
    resolutionMs: 1,
    tickToSubscriber: figures(samples.trades),
    tickToPortfolioPnl: figures(samples.portfolioPnl),
  };
}
