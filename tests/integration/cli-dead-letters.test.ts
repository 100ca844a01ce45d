import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TOPOLOGIES } from '#ops/cli/describe.ts';
import { topicConfig } from '#schemas/topics.ts';
import {
  type AvroSerde,
  type Header,
  type Kafka,
  type KafkaRecord,
  openKafka,
  SchemaRegistry,
  topicSerde,
} from '#streams/kafka/index.ts';
import { TransactionalProducer } from '#streams/kafka/transactions.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { runTopology } from '#streams/runtime/index.ts';
import type { StreamRecord, TopologyDefinition } from '#streams/topology/types.ts';
import { CommandLine } from './cli.ts';
import { type Services, startServices, until } from './harness.ts';

const AMOUNT: AvroSchema = { type: 'record', name: 'Amount', fields: [{ name: 'amount', type: 'long' }] };
interface Amount {
  readonly amount: number;
}
const PARTITIONS = 3;
const TIME_MS = 631_152_000_000;

/** Passes amounts on, and rejects those below `minimum`. */
const passing = (name: string, minimum: number): TopologyDefinition => ({
  name,
  version: 1,
  sources: { amounts: { topic: `${name}.in`, value: AMOUNT, onPoison: 'DEAD_LETTER' } },
  processors: {
    check: {
      inputs: ['amounts'],
      create: (context) => ({
        process: ({ key, value, timestampMs }: StreamRecord<Amount>) => {
          if (value.amount < minimum) return context.reject('AMOUNT_TOO_SMALL', `${value.amount} is too small`);
          if (value.amount === 1) context.late('the window of 1 is closed');
          context.forward('out', key ?? 'none', value, timestampMs);
        },
      }),
    },
  },
  sinks: { out: { inputs: ['check'], topic: `${name}.out`, value: AMOUNT } },
});

describe('tidemark dead-letters', { timeout: 120_000 }, () => {
  let services: Services;
  let kafka: Kafka;
  let registry: SchemaRegistry;
  let tidemark: CommandLine;
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-letters-'));

  beforeAll(async () => {
    services = await startServices({ kafka: true, registry: true });
    tidemark = new CommandLine(services);
    kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'letters-test', log: silentLog });
    registry = new SchemaRegistry(services.registryUrl);
  }, 120_000);
  afterAll(async () => {
    await kafka?.close();
    await services?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const create = (...topics: string[]) =>
    kafka.createTopics(topics.map((name) => ({ name, partitions: PARTITIONS, config: topicConfig('delete') })));
  async function write(records: readonly { topic: string; key: string | null; value: Buffer; headers?: Header[] }[]) {
    const producer = await kafka.openProducer();
    for (const [n, record] of records.entries())
      await producer.send({ ...record, partition: n % PARTITIONS, timestampMs: TIME_MS + n });
    await producer.close();
  }
  async function read(topic: string): Promise<(KafkaRecord & { partition: number })[]> {
    const ends = await kafka.offsets(topic, 'latest-stable');
    const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
    const found: (KafkaRecord & { partition: number })[] = [];
    while (ends.some((end, partition) => reader.position(topic, partition) < end))
      for (const { partition, records } of await reader.poll())
        found.push(...records.map((record) => ({ ...record, partition })));
    await reader.close();
    return found;
  }
  /** Runs a topology until all its input is read and committed. */
  async function runThrough(definition: TopologyDefinition): Promise<void> {
    const running = await runTopology(definition, {
      kafka,
      brokers: services.kafkaBrokers,
      registry,
      stateFolder: folder,
      topicConfig,
      log: silentLog,
      metrics: new Metrics(),
      commitIntervalMs: 20,
      sessionTimeoutMs: 6_000,
    });
    const topic = `${definition.name}.in`;
    const ends = await kafka.offsets(topic, 'latest-stable');
    const isDone = async () => {
      const offsets = await kafka.committedOffsets(definition.name, topic);
      return ends.every((end, partition) => end === 0 || offsets[partition]! >= end);
    };
    await until(`${topic} to be processed`, isDone, 60_000);
    await running.stop();
  }
  const amounts = async (topic: string, serde: AvroSerde<Amount>) =>
    (await read(topic)).map(({ value }) => serde.decode(value!).amount).sort((a, b) => a - b);

  it('says that there are none', async () => {
    const { code, stdout } = await tidemark.run('dead-letters', 'list');
    expect([code, stdout]).toEqual([
      0,
      `No dead letters and no late records of ${Object.keys(TOPOLOGIES).sort().join(', ')}.\n`,
    ]);
    const replay = await tidemark.run('dead-letters', 'replay', 'positions', '--all');
    expect([replay.code, replay.stderr]).toEqual([
      1,
      'Topology positions has no dead letters: there is no topic positions.dead-letters\n',
    ]);
  });

  it('lists and shows what a topology set aside, and replays it once into what mended it', async () => {
    const name = 'mended';
    await create(`${name}.in`, `${name}.out`);
    const serde = await topicSerde<Amount>(registry, `${name}.in`, AMOUNT);
    const headers = [{ key: 'traceparent', value: Buffer.from('00-1') }];
    const send = (key: string | null, value: Buffer) => ({ topic: `${name}.in`, key, value, headers });
    const original = [send('a', serde.encode({ amount: -7 })), send(null, serde.encode({ amount: -8 }))];
    await write([...original, send('c', Buffer.from('no Avro at all')), send('d', serde.encode({ amount: 1 }))]);
    await runThrough(passing(name, 0));
    expect(await amounts(`${name}.out`, serde)).toEqual([1]);

    const list = await tidemark.run('dead-letters', 'list', name, '--json');
    const { letters, counts } = JSON.parse(list.stdout);
    expect(counts).toEqual({ AMOUNT_TOO_SMALL: 2, RECORD_CORRUPT: 1, RECORD_LATE: 1 });
    const first = letters.find(({ key }: { key: string }) => key === 'a');
    expect(first).toMatchObject({
      code: 'AMOUNT_TOO_SMALL',
      reason: expect.stringContaining('-7 is too small'),
      source: { topic: `${name}.in`, partition: 0, offset: 0 },
      time: '1990-01-01T00:00:00.000Z',
      isReplayed: false,
    });
    const table = await tidemark.run('dead-letters', 'list', name, '--code', 'AMOUNT_TOO_SMAL');
    expect(table.stdout).toBe('No letter has the code "AMOUNT_TOO_SMAL"; did you mean AMOUNT_TOO_SMALL?\n');

    const shown = await tidemark.run('dead-letters', 'show', name, String(first.offset));
    expect(shown.stdout).toContain('header    traceparent = 00-1');
    expect(shown.stdout).toContain('schema 1 (Amount)\n{\n  "amount": -7\n}');
    const corrupt = letters.find(({ key }: { key: string }) => key === 'c');
    const dump = await tidemark.run('dead-letters', 'show', name, String(corrupt.offset));
    expect(dump.stdout).toMatch(/not readable: .*Confluent.*\n00000000 {2}6e 6f 20 41 76 72 6f .* no Avro at all\n$/);
    const late = letters.find(({ code }: { code: string }) => code === 'RECORD_LATE');
    const shownLate = await tidemark.run('dead-letters', 'show', name, String(late.offset), '--late', '--json');
    expect(JSON.parse(shownLate.stdout)).toMatchObject({ topic: `${name}.late-records`, value: { amount: 1 } });

    const replay = (...args: string[]) => tidemark.run('dead-letters', 'replay', name, ...args);
    expect(await replay('--code', 'AMOUNT_TOO_SMALL')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`Write 2 records of ${name}'s dead letters back to ${name}.in?`),
    });
    expect((await replay('--all', '--dry-run')).stdout).toContain(
      '3 records would be written back to mended.in; nothing',
    );
    expect(await read(`${name}.in`)).toHaveLength(4);
    expect(await replay('--code', 'AMOUNT_TOO_SMALL', '--yes')).toMatchObject({
      code: 0,
      stdout: `2 records written back to ${name}.in.\n`,
    });
    const copies = (await read(`${name}.in`)).filter((record) =>
      record.headers.some(({ key }) => key === 'replayed.from'),
    );
    expect(
      copies.map(({ partition, key, value, timestampMs }) => [partition, key?.toString(), value, timestampMs]),
    ).toEqual(expect.arrayContaining(original.map(({ key, value }, n) => [n, key ?? undefined, value, TIME_MS + n])));
    const from = `${name}.dead-letters@${first.offset}`;
    expect(copies.find(({ key }) => key?.toString() === 'a')!.headers).toEqual([
      ...headers,
      { key: 'replayed.from', value: Buffer.from(from) },
    ]);
    await runThrough(passing(name, -100));
    expect(await amounts(`${name}.out`, serde)).toEqual([-8, -7, 1]);

    expect(await replay(String(first.offset), '--yes')).toMatchObject({
      code: 0,
      stdout: 'There is nothing to write.\n',
      stderr: '1 record written back before: not again.\n',
    });
    const after = JSON.parse((await tidemark.run('dead-letters', 'list', name, '--json')).stdout).letters;
    expect(after.filter(({ isReplayed }: { isReplayed: boolean }) => isReplayed)).toHaveLength(2);
  });

  /** Writes letters as a topology would, with their values. */
  async function writeLetters(name: string, values: readonly Buffer[], more: (n: number) => Header[] = () => []) {
    const topic = `${name}.dead-letters`;
    await kafka.createTopics([{ name: topic, partitions: 1, config: topicConfig('delete') }]);
    const producer = await kafka.openProducer();
    for (const [n, value] of values.entries()) {
      const fields = {
        'error.code': n % 2 === 0 ? 'EVEN' : 'ODD',
        'error.message': 'no reason',
        'source.topic': `${name}.in`,
        'source.partition': String(n % PARTITIONS),
        'source.offset': String(n),
        'source.timestampMs': String(TIME_MS + n),
      };
      const headers = Object.entries(fields).map(([key, text]) => ({ key, value: Buffer.from(text) }));
      await producer.send({ topic, key: `k${n}`, value, timestampMs: TIME_MS, headers: [...headers, ...more(n)] });
    }
    await producer.close();
  }

  it('refuses what was cut to size, writes the rest, and tells what is not there', async () => {
    await create('cut.in');
    const values = ['a', 'b', 'c'].map((text) => Buffer.from(text));
    await writeLetters('cut', values, (n) =>
      n === 1 ? [{ key: 'value.truncatedFrom', value: Buffer.from('999') }] : [],
    );
    const { code, stdout, stderr } = await tidemark.run('dead-letters', 'replay', 'cut', '--all', '--yes');
    expect([code, stdout]).toEqual([1, '2 records written back to cut.in.\n']);
    expect(stderr).toBe(
      'cut.dead-letters@1 is not replayed: its value was cut to size from 999 bytes; the whole record is at cut.in/1@1, as long as that topic keeps it\n',
    );
    expect((await read('cut.in')).map(({ key }) => key!.toString()).sort()).toEqual(['k0', 'k2']);
    for (const [args, message] of [
      [['replay', 'cut', '7'], 'There is no letter at cut.dead-letters@7; nothing was written\n'],
      [['replay', 'cut', '--code', 'EVN'], 'No dead letter of cut has the code "EVN"; did you mean EVEN?\n'],
      [['replay', 'cut', '--code', 'RECORD_LATE'], expect.stringContaining('Late records are not replayed')],
      [['show', 'cut', '7'], expect.stringContaining('There is no letter at cut.dead-letters@7: it holds 0 to 2')],
      [['list', 'cuts'], 'There is no topology "cuts"; did you mean cut?\n'],
    ] as const)
      expect(await tidemark.run('dead-letters', ...args)).toMatchObject({ code: 1, stderr: message });
  });

  it('replays each once when two do it at a time, and after one was cut short', async () => {
    await create('raced.in');
    const values = Array.from({ length: 3_000 }, (_, n) => Buffer.alloc(1_000, n));
    await writeLetters('raced', values);
    // A replay that died in its transaction: what it wrote must neither count nor stay open.
    const dead = new TransactionalProducer({
      cluster: kafka.cluster,
      transactionalId: 'tidemark-replay-raced',
      transactionTimeoutMs: 60_000,
    });
    await dead.start();
    const bytes = Buffer.from('lost');
    dead.append(dead.target('raced.in', 0), bytes, 0, 4, Buffer.alloc(600_000), 0, 600_000, TIME_MS);
    dead.pump();
    await until('the open transaction', async () => (await kafka.offsets('raced.in', 'latest'))[0]! > 0, 20_000);
    await dead.close();
    const replays = [1, 2].map(() => tidemark.run('dead-letters', 'replay', 'raced', '--all', '--yes'));
    const outcomes = await Promise.all(replays);
    const last = await tidemark.run('dead-letters', 'replay', 'raced', '--all', '--yes');
    expect(last).toMatchObject({ code: 0, stdout: 'There is nothing to write.\n' });
    for (const { code, stderr } of outcomes) if (code !== 0) expect(stderr).toContain('Another replay of raced began');
    expect(outcomes.some(({ code }) => code === 0)).toBe(true);
    const keys = (await read('raced.in')).map(({ key }) => key!.toString());
    expect(keys.sort()).toEqual(values.map((_, n) => `k${n}`).sort());
  });
});
