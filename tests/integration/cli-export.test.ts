import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka as KafkaJs, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '#ops/cli/checks/index.ts';
import type { TopicRow } from '#ops/cli/topics.ts';
import { createTopics } from '#ops/embedded/prepare-system.ts';
import { AVRO } from '#schemas/avro.ts';
import { ONE } from '#schemas/decimal.ts';
import type { Fill, Position, Trade } from '#schemas/generated/types.ts';
import {
  type AvroSerde,
  type Kafka,
  openKafka,
  type Producer,
  SchemaRegistry,
  topicSerde,
} from '#streams/kafka/index.ts';
import { CommandLine, parseLines } from './cli.ts';
import { type Services, startServices } from './harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-cli-'));
let services: Services;
let kafka: Kafka;
let producer: Producer;
let tidemark: CommandLine;
let trades: AvroSerde<Trade>;

beforeAll(async () => {
  services = await startServices({ kafka: true, registry: true });
  tidemark = new CommandLine(services);
  await createTopics(services.kafkaBrokers);
  kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'test' });
  producer = await kafka.openProducer();
  trades = await topicSerde(new SchemaRegistry(services.registryUrl), 'market.trades', AVRO['market.trades']);
}, 120_000);
afterAll(async () => {
  await producer?.close();
  await kafka?.close();
  await services?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const trade = (instrument: string, day: number, price = 1): Trade => ({
  eventTime: Date.UTC(2024, 0, day) * 1000,
  instrument,
  price,
  size: null,
  source: 'test',
  sequence: day,
});
async function send(topic: string, key: string, value: Buffer | null, timestampMs = 0, partitionKey = key) {
  await producer.send({ topic, key, value, timestampMs, partitionKey });
}
const sendTrade = (value: Trade) =>
  send('market.trades', value.instrument, trades.encode(value), value.eventTime / 1000);

describe('tidemark export', { timeout: 120_000 }, () => {
  it('selects by key and by event time: from is within, to is not', async () => {
    for (const day of [1, 2, 3, 4]) for (const instrument of ['AAA', 'BBB']) await sendTrade(trade(instrument, day));
    await producer.flush();
    const lines = await tidemark.exported(
      'market.trades',
      '--key',
      'AAA',
      '--from',
      '2024-01-02',
      '--to',
      '2024-01-04',
    );
    expect(lines.map(({ key, value }) => [key, value?.sequence])).toEqual([
      ['AAA', 2],
      ['AAA', 3],
    ]);
    expect(lines[0]).toMatchObject({
      timestamp: '2024-01-02T00:00:00.000Z',
      value: { eventTime: 1_704_153_600_000_000 },
    });
    expect(await tidemark.exported('market.trades', '--limit', '3')).toHaveLength(3);
  });

  it('reads keys of a topic that is partitioned by a part of them', async () => {
    const registry = new SchemaRegistry(services.registryUrl);
    const topic = 'portfolio.positions';
    const serde = await topicSerde<Position>(registry, topic, AVRO[topic]);
    const position: Position = {
      eventTime: 1_000_000,
      portfolio: 'desk',
      instrument: 'AAA',
      quantity: ONE / 4n,
      cost: -ONE,
      averagePrice: Number.NaN,
      markPrice: null,
      markTime: null,
      multiplier: ONE,
      currency: 'USD',
      realizedPnl: 0n,
      unrealizedPnl: null,
      commission: 0n,
      dividends: 0n,
      cashFlow: 0n,
      fills: 1,
      revision: 1,
      unpriced: true,
      cause: 'FILL',
      sourceTopic: 'orders.fills',
      sourceEventTime: 1_000_000,
    };
    await send(topic, 'desk/AAA', serde.encode(position), 1_000, 'desk');
    await producer.flush();
    const [line] = await tidemark.exported(topic, '--key', 'desk/AAA');
    expect(line?.value).toEqual({
      ...position,
      quantity: '0.25',
      cost: '-1',
      averagePrice: 'NaN',
      multiplier: '1',
      currency: 'USD',
      realizedPnl: '0',
      commission: '0',
      dividends: '0',
      cashFlow: '0',
    });
    const { code, stderr } = await tidemark.run('export', topic, '--key', 'desk');
    expect([code, stderr]).toEqual([1, 'A key of portfolio.positions is portfolio/instrument; "desk" has no "/"\n']);
  });

  it('shows no record of a transaction that was aborted, and ends behind it', async () => {
    const client = new KafkaJs({ brokers: [...services.kafkaBrokers], logLevel: logLevel.NOTHING });
    const outside = client.producer({ transactionalId: 'export-test', maxInFlightRequests: 1, idempotent: true });
    await outside.connect();
    const topic = 'orders.fills';
    const registry = new SchemaRegistry(services.registryUrl);
    const serde = await topicSerde<Fill>(registry, topic, AVRO[topic]);
    const fill = (fillId: string): Fill => ({
      eventTime: 1_000_000,
      fillId,
      action: 'NEW',
      portfolio: 'tx',
      instrument: 'AAA',
      side: 'BUY',
      quantity: ONE,
      price: ONE,
      commission: 0n,
      orderId: null,
      venue: 'test',
    });
    for (const [fillId, end] of [
      ['kept', 'commit'],
      ['dropped', 'abort'],
    ] as const) {
      const transaction = await outside.transaction();
      await transaction.send({ topic, messages: [{ key: 'tx', value: serde.encode(fill(fillId)), partition: 0 }] });
      await transaction[end]();
    }
    await outside.disconnect();
    const lines = await tidemark.exported(topic);
    expect(lines.map(({ value }) => value?.fillId)).toEqual(['kept']);
  });

  it('exports what the schema cannot read with the reason and its bytes, and says so', async () => {
    await send('portfolio.cash', 'broken', Buffer.from('garbage'), 1_000);
    await send('portfolio.cash', 'gone', null, 1_000);
    await producer.flush();
    const { code, stdout, stderr } = await tidemark.run('export', 'portfolio.cash', '--key', 'broken');
    expect(parseLines(stdout)).toEqual([
      expect.objectContaining({
        value: null,
        error: expect.stringContaining('wire format'),
        valueBase64: Buffer.from('garbage').toString('base64'),
      }),
    ]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('1 record of portfolio.cash cannot be read')]);
    const csv = await tidemark.run('export', 'portfolio.cash', '--format', 'csv');
    expect([csv.code, csv.stdout.split('\n').length]).toEqual([1, 3]);
  });

  it('exports dead letters with their headers, the value in base64', async () => {
    const topic = 'positions.dead-letters';
    await kafka.createTopics([{ name: topic, partitions: 1, config: {} }]);
    const headers = [{ key: 'error.code', value: Buffer.from('PRICE_INVALID') }];
    await producer.send({ topic, key: 'AAA', value: Buffer.from([1, 2, 3]), timestampMs: 1_000, headers });
    await producer.flush();
    expect((await tidemark.exported(topic))[0]?.value).toEqual({
      headers: { 'error.code': 'PRICE_INVALID' },
      valueBase64: 'AQID',
    });
  });

  it('ends quietly when its reader goes away', async () => {
    for (let index = 0; index < 20_000; index++) await sendTrade(trade('PIPE', 1 + (index % 28)));
    await producer.flush();
    const { child, outcome } = tidemark.start('export', 'market.trades', '--key', 'PIPE');
    child.stdout!.once('data', () => child.stdout!.destroy());
    expect(await outcome).toMatchObject({ code: 0, stderr: '' });
  });

  it('writes a file that is there only when it is whole', async () => {
    const out = join(folder, 'trades.csv');
    const { code, stdout } = await tidemark.run(
      'export',
      'market.trades',
      '--key',
      'AAA',
      '--format',
      'csv',
      '--out',
      out,
    );
    expect([code, stdout, readFileSync(out, 'utf8').split('\n').length]).toEqual([0, '', 6]);
  });

  it('suggests the topic that was meant', async () => {
    const { code, stderr } = await tidemark.run('export', 'market.trade');
    expect([code, stderr]).toEqual([1, 'There is no topic "market.trade"; did you mean market.trades?\n']);
  });
});

describe('tidemark topics', { timeout: 120_000 }, () => {
  it('lists every topic with its size and owner', async () => {
    const rows = JSON.parse((await tidemark.run('topics', '--json')).stdout) as TopicRow[];
    expect(rows.find(({ topic }) => topic === 'market.trades')).toMatchObject({ partitions: 4, key: 'instrument' });
    expect(rows.find(({ topic }) => topic === 'positions.dead-letters')).toMatchObject({
      partitions: 1,
      records: 1,
      owner: 'topologies/positions',
    });
    expect(rows.find(({ topic }) => topic === 'file.ingests')).toMatchObject({ partitions: null, records: null });
  });
});

describe('tidemark doctor', { timeout: 120_000 }, () => {
  it('finds the services that answer', async () => {
    const { stdout } = await tidemark.run('doctor', '--json');
    const findings = JSON.parse(stdout) as Finding[];
    for (const name of ['Kafka', 'Registry'])
      expect(findings.find((finding) => finding.name === name)).toMatchObject({ ok: true });
  });

  it('says why a running system is not ready', async () => {
    const page = createServer((_, response) => {
      response.statusCode = 503;
      response.end(JSON.stringify({ checks: [{ name: 'group positions', ok: false, reason: 'behind' }] }));
    });
    await new Promise<void>((done) => page.listen(0, '127.0.0.1', done));
    const { systemFinding } = await import('#ops/cli/checks/services.ts');
    const finding = await systemFinding(`http://127.0.0.1:${(page.address() as AddressInfo).port}`);
    page.close();
    expect(finding).toMatchObject({ ok: false, detail: expect.stringContaining('group positions: behind') });
  });
});
