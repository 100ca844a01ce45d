import { Kafka as KafkaJs, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { System } from '#ops/embedded/launcher.ts';
import { AVRO } from '#schemas/avro.ts';
import { decimalFromNumber } from '#schemas/decimal.ts';
import type { AuditEntry, Fill, PortfolioPnl, Position, Trade } from '#schemas/generated/types.ts';
import { type Kafka, openKafka, type Producer, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { untilCaughtUp } from '#tests/chaos/ledger-check.ts';
import { startTestSystem, until } from './harness.ts';

const NOW_MS = Date.now();
const TEN_MEGABYTES = 10 * 1024 * 1024;
const YEAR_3000_MICROS = Date.UTC(3000, 0, 1) * 1000;

interface Letter {
  readonly key: string | null;
  readonly valueBytes: number;
  readonly headers: Record<string, string>;
}

describe('bad input to the running system', () => {
  let system: System;
  let kafka: Kafka;
  let producer: Producer;
  let registry: SchemaRegistry;

  beforeAll(async () => {
    system = await startTestSystem({}, ['api']);
    kafka = await openKafka({ brokers: system.kafkaBrokers, clientId: 'bad-input' });
    producer = await kafka.openProducer();
    registry = new SchemaRegistry(system.registryUrl);
  });
  afterAll(async () => {
    await producer?.close();
    await kafka?.close();
    await system?.stop();
  });

  const trade = (fields: Partial<Trade> = {}): Trade => ({
    eventTime: NOW_MS * 1000,
    instrument: 'ABC',
    price: 10,
    size: null,
    source: 'test',
    sequence: null,
    ...fields,
  });
  const fill = (fields: Partial<Fill> = {}): Fill => ({
    eventTime: NOW_MS * 1000,
    fillId: 'f1',
    action: 'NEW',
    portfolio: 'desk',
    instrument: 'ABC',
    side: 'BUY',
    quantity: decimalFromNumber(5),
    price: decimalFromNumber(10),
    commission: 0n,
    orderId: null,
    venue: 'test',
    ...fields,
  });
  async function sendTrade(value: Trade): Promise<void> {
    const serde = await topicSerde<Trade>(registry, 'market.trades', AVRO['market.trades']);
    await sendRaw('market.trades', value.instrument, serde.encode(value));
  }
  async function sendFill(value: Fill): Promise<void> {
    const serde = await topicSerde<Fill>(registry, 'orders.fills', AVRO['orders.fills']);
    await sendRaw('orders.fills', value.portfolio, serde.encode(value));
  }
  async function sendRaw(topic: string, key: string, value: Buffer): Promise<void> {
    await producer.send({ topic, key, value, timestampMs: NOW_MS });
    await producer.flush();
  }

  async function readAll<V>(
    topic: string,
    map: (value: Buffer | null, key: string | null, headers: Record<string, string>) => V | Promise<V>,
  ): Promise<V[]> {
    const ends = await kafka.offsets(topic, 'latest-stable');
    const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
    const found: V[] = [];
    while (ends.some((end, partition) => reader.position(topic, partition) < end)) {
      for (const { records } of await reader.poll()) {
        for (const { key, value, headers } of records) {
          const named = Object.fromEntries(headers.map((header) => [header.key, header.value!.toString()]));
          found.push(await map(value, key?.toString() ?? null, named));
        }
      }
    }
    await reader.close();
    return found;
  }
  const letters = (): Promise<Letter[]> =>
    readAll('positions.dead-letters', (value, key, headers) => ({ key, valueBytes: value?.length ?? -1, headers }));
  async function positions(): Promise<Map<string, Position>> {
    const serde = await topicSerde<Position>(registry, 'portfolio.positions', AVRO['portfolio.positions']);
    return new Map(
      await readAll('portfolio.positions', async (value, key) => [key!, await serde.decodeAsync(value!)] as const),
    );
  }

  /** Sends something bad, waits for its dead letter, and shows that a good fill behind it still counts. */
  async function expectDeadLetter(
    name: string,
    send: () => Promise<void>,
    code: string,
    check: (letter: Letter) => void = () => {},
  ) {
    const before = (await letters()).length;
    await send();
    await until(`the dead letter of ${name}`, async () => (await letters()).length > before, 30_000);
    const letter = (await letters()).at(-1)!;
    expect(letter.headers['error.code']).toBe(code);
    expect(letter.headers['error.message']).toBeTruthy();
    check(letter);
    const key = `${name}/ABC`;
    await sendFill(fill({ portfolio: name, fillId: `after-${name}` }));
    await until(`a good fill after ${name}`, async () => (await positions()).has(key), 30_000);
    expect((await positions()).get(key)!.quantity).toBe(decimalFromNumber(5));
  }

  it('corrupt Avro bytes are a dead letter', () =>
    expectDeadLetter(
      'corrupt',
      () => sendRaw('market.trades', 'ABC', Buffer.from('this is not avro')),
      'RECORD_CORRUPT',
      (letter) => {
        expect(letter.headers).toMatchObject({ 'source.topic': 'market.trades' });
        expect(letter.valueBytes).toBe(16);
      },
    ));

  it('an unknown schema id is a dead letter', () =>
    expectDeadLetter(
      'unknown-schema',
      () => sendRaw('market.trades', 'ABC', Buffer.from([0, 0x7f, 0, 0, 1, 2, 3])),
      'SCHEMA_UNKNOWN',
    ));

  it('a negative price is a dead letter, and the mark stays', async () => {
    await sendTrade(trade({ price: 12.5 }));
    await expectDeadLetter('negative-price', () => sendTrade(trade({ price: -1 })), 'TRADE_PRICE_INVALID');
    expect((await positions()).get('negative-price/ABC')!.markPrice).toBe(12.5);
  });

  it('a price that is not a number is a dead letter', () =>
    expectDeadLetter('nan', () => sendTrade(trade({ price: Number.NaN })), 'TRADE_PRICE_INVALID'));

  it('an event time in the year 3000 is a dead letter and does not hold the mark', async () => {
    const distant = () =>
      topicSerde<Trade>(registry, 'market.trades', AVRO['market.trades']).then((serde) => serde.encode(trade()));
    const bytes = await distant();
    // Beyond what a double holds exactly, so our own encoder would refuse it: the long is written by hand.
    const micros = BigInt(YEAR_3000_MICROS);
    const long: number[] = [];
    for (let rest = micros * 2n; ; rest >>= 7n) {
      long.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
      if (rest <= 127n) break;
    }
    const length = bytes.subarray(5).findIndex((byte) => byte < 128) + 1;
    const value = Buffer.concat([bytes.subarray(0, 5), Buffer.from(long), bytes.subarray(5 + length)]);
    await expectDeadLetter('year-3000', () => sendRaw('market.trades', 'ABC', value), 'RECORD_CORRUPT');
    await expectDeadLetter(
      'next-week',
      () => sendTrade(trade({ eventTime: (NOW_MS + 7 * 86_400_000) * 1000, price: 99 })),
      'EVENT_TIME_IN_FUTURE',
    );
    await sendTrade(trade({ eventTime: (NOW_MS + 1) * 1000, price: 13 }));
    await until('the mark to move on', async () => (await positions()).get('next-week/ABC')!.markPrice === 13, 30_000);
  });

  it('a fill for an instrument never seen counts, and is flagged unpriced', async () => {
    await sendFill(fill({ portfolio: 'explorer', instrument: 'NEVER-SEEN', fillId: 'e1' }));
    await until('its position', async () => (await positions()).has('explorer/NEVER-SEEN'), 30_000);
    expect((await positions()).get('explorer/NEVER-SEEN')).toMatchObject({
      unpriced: true,
      markPrice: null,
      unrealizedPnl: null,
      cost: decimalFromNumber(50),
    });
    const serde = await topicSerde<PortfolioPnl>(registry, 'portfolio.pnl', AVRO['portfolio.pnl']);
    const last = async () =>
      (await readAll('portfolio.pnl', (value) => serde.decodeAsync(value!)))
        .filter(({ portfolio }) => portfolio === 'explorer')
        .at(-1);
    await until('its portfolio', async () => (await last()) !== undefined, 30_000);
    expect(await last()).toMatchObject({ unpricedPositions: 1, equity: 0, cash: decimalFromNumber(-50) });
  });

  it('a repeated fillId changes nothing', async () => {
    await sendFill(fill({ portfolio: 'twice', fillId: 'same' }));
    await sendFill(fill({ portfolio: 'twice', fillId: 'same', quantity: decimalFromNumber(1_000) }));
    await sendFill(fill({ portfolio: 'twice', fillId: 'other', quantity: decimalFromNumber(1) }));
    await until('the third fill', async () => (await positions()).get('twice/ABC')?.fills === 2, 30_000);
    expect((await positions()).get('twice/ABC')!.quantity).toBe(decimalFromNumber(6));
  });

  it('a correction of a fill that is not there is a dead letter', () =>
    expectDeadLetter(
      'too-early',
      () => sendFill(fill({ portfolio: 'too-early', fillId: 'later', action: 'CORRECT' })),
      'FILL_UNKNOWN',
      (letter) => expect(letter.headers).toMatchObject({ 'source.topic': 'orders.fills' }),
    ));

  it('wrong fills that are corrected and cancelled leave no trace in position and cash, and one in the audit trail', async () => {
    const mended = (fields: Partial<Fill>) => fill({ portfolio: 'mended', ...fields });
    const right = { fillId: 'wrong', quantity: decimalFromNumber(7), price: decimalFromNumber(11) };
    await sendFill(mended({ fillId: 'wrong' }));
    await sendFill(mended({ fillId: 'never', quantity: decimalFromNumber(3) }));
    for (let times = 0; times < 2; times++) await sendFill(mended({ ...right, action: 'CORRECT' }));
    await sendFill(mended({ fillId: 'never', action: 'CANCEL' }));
    await until('both', async () => (await positions()).get('mended/ABC')?.revision === 4, 30_000);
    expect((await positions()).get('mended/ABC')).toMatchObject({
      quantity: decimalFromNumber(7),
      cost: decimalFromNumber(77),
      cashFlow: decimalFromNumber(-77),
      fills: 1,
    });
    const pnl = await topicSerde<PortfolioPnl>(registry, 'portfolio.pnl', AVRO['portfolio.pnl']);
    const cash = async () =>
      (await readAll('portfolio.pnl', (value) => pnl.decodeAsync(value!)))
        .filter(({ portfolio }) => portfolio === 'mended')
        .at(-1)?.cash;
    await until('its portfolio', async () => (await cash()) === decimalFromNumber(-77), 30_000);
    const audit = await topicSerde<AuditEntry>(registry, 'audit.trail', AVRO['audit.trail']);
    const entries = await readAll('audit.trail', (value) => audit.decodeAsync(value!));
    const ofFills = entries.filter(({ subject }) => subject === 'FILL');
    expect(ofFills.map(({ subjectId, action }) => [subjectId, action])).toEqual([
      ['wrong', 'CORRECT'],
      ['never', 'CANCEL'],
    ]);
  });

  it('10 MB are refused at the door, and as a compressed batch become a dead letter cut to size', async () => {
    const huge = Buffer.alloc(TEN_MEGABYTES, 'x');
    expect(() => producer.send({ topic: 'market.trades', key: 'ABC', value: huge, timestampMs: NOW_MS })).toThrow(
      /RECORD_TOO_LARGE|bytes; the limit/,
    );
    const plain = new KafkaJs({
      clientId: 'outsider',
      brokers: [...system.kafkaBrokers],
      logLevel: logLevel.NOTHING,
      retry: { retries: 0 },
    }).producer();
    await plain.connect();
    const message = { key: 'ABC', value: huge, timestamp: String(NOW_MS) };
    await expect(plain.send({ topic: 'market.trades', messages: [message] })).rejects.toThrow(/larger than|too large/i);
    await expectDeadLetter(
      'ten-megabytes',
      () => plain.send({ topic: 'market.trades', messages: [message], compression: 1 }).then(() => undefined),
      'RECORD_CORRUPT',
      (letter) => {
        expect(letter.headers['value.truncatedFrom']).toBe(String(TEN_MEGABYTES));
        expect(letter.valueBytes).toBe(512 * 1024);
      },
    );
    await plain.disconnect();
  });

  it('leaves the sinks going: every good record is in both databases', async () => {
    await untilCaughtUp(system, 60_000);
    const response = await fetch(
      `${system.clickhouseUrl}/?database=tidemark&query=${encodeURIComponent("select count() from fills where portfolio = 'twice'")}`,
    );
    expect(Number(await response.text())).toBe(3);
    expect(system.supervisor.names.map((name) => [name, system.supervisor.restarts(name)])).toEqual(
      system.supervisor.names.map((name) => [name, 0]),
    );
  });
});
