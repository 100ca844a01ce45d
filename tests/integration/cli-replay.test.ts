import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReplayEntry } from '#ops/cli/replay/journal.ts';
import { createTopics } from '#ops/embedded/prepare-system.ts';
import { AVRO } from '#schemas/avro.ts';
import type { Trade } from '#schemas/generated/types.ts';
import { topicConfig } from '#schemas/topics.ts';
import { type Kafka, openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { runTopology } from '#streams/runtime/index.ts';
import { bars } from '#topologies/bars/graph.ts';
import { closesOf } from '../golden/history.ts';
import { CommandLine, type ExportedLine } from './cli.ts';
import { type Services, startServices, until } from './harness.ts';

const INSTRUMENTS = ['AAPL', 'KO', 'XOM', 'SP500'];
const RANGE = ['--from', '2008-01-01', '--to', '2008-12-31'];
const folder = mkdtempSync(join(tmpdir(), 'tidemark-cli-replay-'));
let services: Services;
let kafka: Kafka;
let registry: SchemaRegistry;
let tidemark: CommandLine;

const closes = INSTRUMENTS.map((instrument) => ({ instrument, ...closesOf(instrument) }));
const dates = closes[0]!.dates.filter((date) => date >= '2007-06-01' && date < '2009-06-01');

beforeAll(async () => {
  services = await startServices({ kafka: true, registry: true });
  tidemark = new CommandLine(services);
  await createTopics(services.kafkaBrokers);
  kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'test' });
  registry = new SchemaRegistry(services.registryUrl);
  await sendTrades(dates);
  const running = await runTopology(bars(), {
    kafka,
    brokers: services.kafkaBrokers,
    registry,
    stateFolder: folder,
    topicConfig,
    log: silentLog,
    metrics: new Metrics(),
    replay: { cutEveryRecords: 100 },
  });
  await running.done;
  // The last commit is answered before its markers are everywhere.
  await until('the last transaction to be over', isQuiet, 10_000);
}, 120_000);
afterAll(async () => {
  await kafka?.close();
  await services?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function isQuiet(): Promise<boolean> {
  const topics = await kafka.listTopics();
  const ends = (at: 'latest' | 'latest-stable') => Promise.all(topics.map((topic) => kafka.offsets(topic, at)));
  return JSON.stringify(await ends('latest')) === JSON.stringify(await ends('latest-stable'));
}

async function sendTrades(days: readonly string[]): Promise<void> {
  const serde = await topicSerde<Trade>(registry, 'market.trades', AVRO['market.trades']);
  const producer = await kafka.openProducer();
  for (const date of days)
    for (const { instrument, dates: known, prices } of closes) {
      const eventTime = Date.parse(`${date}T20:00:00Z`) * 1000;
      const price = prices[known.indexOf(date)] ?? 100;
      const value = serde.encode({ eventTime, instrument, price, size: 100, source: 'test', sequence: null });
      await producer.send({ topic: 'market.trades', key: instrument, value, timestampMs: eventTime / 1000 });
    }
  await producer.close();
}

/** All that is not a replay's, with ends and what the live topology has committed. */
async function live(): Promise<unknown> {
  const topics = (await kafka.listTopics()).filter(
    (topic) => !topic.startsWith('replay.') && topic !== 'tidemark.replays',
  );
  const ends = await Promise.all(topics.map(async (topic) => [topic, await kafka.offsets(topic, 'latest')]));
  return { ends, committed: await kafka.committedOffsets('bars', 'market.trades') };
}

async function replayed(...args: string[]): Promise<ReplayEntry> {
  const { code, stdout, stderr } = await tidemark.run('replay', ...args, '--json');
  if (code !== 0) throw new Error(`replay ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as ReplayEntry;
}
const digests = ({ outputs }: ReplayEntry) =>
  outputs.map(({ topic, records, digest }) => [topic.split('.').slice(2).join('.'), records, digest]);
const listed = async () => (await tidemark.run('replay', 'list')).stdout;
/** What a record of returns says, by key. */
const returnsOf = (lines: readonly ExportedLine[]) => new Map(lines.map(({ key, value }) => [key, value]));

describe('tidemark replay', { timeout: 240_000 }, () => {
  it('gives the same bytes each time, equal to the live outputs of the range, and touches nothing that is live', async () => {
    const before = await live();
    const first = await replayed('bars', ...RANGE, '--name', 'first');
    expect(first).toMatchObject({ topology: 'bars', state: 'DONE', cold: false, from: '2008-01-01T00:00:00.000Z' });
    expect(first.outputs.map(({ topic }) => topic)).toEqual([
      'replay.first.market.bars',
      'replay.first.market.returns',
    ]);
    expect(first.recordsIn).toBe(dates.filter((date) => date <= '2008-12-31').length * INSTRUMENTS.length);
    expect(digests(await replayed('bars', ...RANGE, '--name', 'second'))).toEqual(digests(first));
    expect(await live()).toEqual(before);

    const returns = returnsOf(await tidemark.exported('replay.first.market.returns'));
    const all = returnsOf(await tidemark.exported('market.returns'));
    expect(returns.size).toBeGreaterThan(250 * INSTRUMENTS.length);
    // Known, and so with an event time, when the next day with trades begins.
    expect([...returns.keys()].filter((key) => key!.startsWith('KO/')).sort()[0]).toBe('KO/2007-12-31');
    for (const [key, value] of returns) expect(value).toEqual(all.get(key));
  });

  it('leaves none of its groups, changelogs and state behind, and outputs that export and topics know', async () => {
    const topics = (await kafka.listTopics()).filter((topic) => topic.startsWith('replay.first.'));
    expect(topics).toEqual(['replay.first.market.bars', 'replay.first.market.returns']);
    expect(await kafka.committedOffsets('replay.first.bars', 'market.trades')).toEqual([-1, -1, -1, -1]);
    expect((await tidemark.run('topics')).stdout).toMatch(
      /replay\.first\.market\.returns .* instrument\/date .* replay first/,
    );
    const one = await tidemark.exported('replay.first.market.returns', '--key', 'KO/2008-10-10');
    expect(one).toHaveLength(1);
  });

  it('gives the same when the topics have grown since, beyond the range', async () => {
    await sendTrades(['2009-06-01', '2009-06-02']);
    const [first, again] = [await replayed('bars', ...RANGE, '--name', 'first', '--replace'), await listed()];
    expect(digests(first)).toEqual(digests(await replayed('bars', ...RANGE, '--name', 'second', '--replace')));
    expect(again).toMatch(/^first +complete +bars +2008-01-01 +2009-01-01/m);
    const asJson = JSON.parse((await tidemark.run('replay', 'list', '--json')).stdout) as ReplayEntry[];
    expect(asJson.find(({ name }) => name === 'first')?.outputs).toEqual(first.outputs);
  });

  it('begins with empty state where it is told to', async () => {
    const cold = await replayed('bars', ...RANGE, '--cold', '--name', 'cold');
    expect(cold.recordsIn).toBe(dates.filter((date) => date.startsWith('2008')).length * INSTRUMENTS.length);
    const returns = returnsOf(await tidemark.exported('replay.cold.market.returns'));
    // The first day has no day before it.
    expect([...returns.keys()].filter((key) => key!.startsWith('KO/')).sort()[0]).toBe('KO/2008-01-03');
  });

  it('takes parameters of the topology', async () => {
    const { outputs, parameters } = await replayed('indicators', ...RANGE, '--set', 'indicators=SMA(5) RSI(7)');
    expect(parameters).toEqual({ indicators: 'SMA(5) RSI(7)' });
    const [line] = await tidemark.exported(outputs[0]!.topic, '--limit', '1');
    expect(outputs[0]!.topic).toBe('replay.indicators-2008-01-01-to-2008-12-31.market.indicators');
    expect(JSON.stringify(line!.value)).toContain('RSI(7)');
    expect(JSON.stringify(line!.value)).not.toContain('SMA(20)');
  });

  it('refuses a name that is taken, and a range or topics that hold nothing', async () => {
    const taken = await tidemark.run('replay', 'bars', ...RANGE, '--name', 'first');
    expect(taken).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/There is a replay first of bars, .*--replace/),
    });
    const empty = await tidemark.run('replay', 'bars', '--from', '2015-01-01');
    expect(empty.stderr).toBe(
      'Nothing that bars reads is of 2015-01-01 to the end. There is:\n  market.trades: 2007-06-01 to 2009-06-02\n',
    );
    expect((await tidemark.run('replay', 'portfolio')).stderr).toMatch(/^There is nothing to replay: /);
    const short = await tidemark.run('replay', 'bars', '--from', '2009-05-01', '--to', '2015-01-01', '--name', 'short');
    expect(short.stderr).toContain('The range goes on after what is recorded: market.trades ends 2009-06-02');
    expect(short.stdout).toMatch(/^Replay short of bars: [\d,]+ records in, [\d,]+ out in [\d.]+ s/);
  });

  it('says what was interrupted or killed, and does it again', async () => {
    for (const signal of ['SIGINT', 'SIGKILL'] as const) {
      const { child, outcome } = tidemark.start('replay', 'bars', ...RANGE, '--name', 'broken');
      await until(
        'its topics',
        async () => (await kafka.listTopics()).includes('replay.broken.bars.day-closes.changelog'),
        60_000,
      );
      child.kill(signal);
      const { code, stderr } = await outcome;
      if (signal === 'SIGINT') {
        expect(code).toBe(130);
        expect(stderr).toContain('Interrupted. Replay broken is incomplete: the same command with --replace');
      }
      expect(await listed()).toMatch(/^broken +INCOMPLETE +bars/m);
      const taken = await tidemark.run('replay', 'bars', ...RANGE, '--name', 'broken');
      expect(taken.stderr).toContain('There is a replay broken of bars, which was interrupted');
      const again = await replayed('bars', ...RANGE, '--name', 'broken', '--replace');
      expect(digests(again)).toEqual(digests(await replayed('bars', ...RANGE, '--name', 'first', '--replace')));
      expect((await tidemark.run('replay', 'remove', 'broken', '--yes')).code).toBe(0);
    }
  });

  it('removes all of a replay', async () => {
    const refused = await tidemark.run('replay', 'remove', 'first');
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('Nobody is here to ask: add --yes') });
    expect((await tidemark.run('replay', 'remove', 'frst', '--yes')).stderr).toContain('did you mean first?');
    expect((await tidemark.run('replay', 'remove', 'first', '--yes')).stdout).toBe('Removed replay first: 2 topics.\n');
    expect((await kafka.listTopics()).filter((topic) => topic.startsWith('replay.first.'))).toEqual([]);
    expect(await listed()).not.toMatch(/^first /m);
  });
});
