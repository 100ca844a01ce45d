import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProcessTraining } from '#connectors/models/training.ts';
import type { FeaturesOutcome } from '#ops/cli/features.ts';
import { createTopics } from '#ops/embedded/prepare-system.ts';
import { AVRO } from '#schemas/avro.ts';
import { partitionKeyOf, type TopicName } from '#schemas/topics.ts';
import { openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { breachOf, breachPnl, dayMicros, limitUtilisation } from '../unit/ml/features/records.ts';
import { CommandLine } from './cli.ts';
import { type Services, startServices } from './harness.ts';

const DAYS = 40;
const folder = mkdtempSync(join(tmpdir(), 'tidemark-cli-features-'));
const out = (name: string) => join(folder, name);
const dateOf = (day: number) => new Date(dayMicros(day) / 1000).toISOString().slice(0, 10);

/** With something in the fields that nobody looks at here. */
function filled(topic: TopicName, value: object): object {
  const missing = AVRO[topic].fields.filter(({ name }) => !(name in value));
  return { ...Object.fromEntries(missing.map(({ name, type }) => [name, anyOf(type)])), ...value };
}
function anyOf(type: unknown): unknown {
  if (Array.isArray(type)) return null;
  if (typeof type === 'string') return type === 'string' ? '' : type === 'boolean' ? false : 0;
  const { type: base, symbols, logicalType } = type as { type: string; symbols?: string[]; logicalType?: string };
  if (logicalType === 'decimal') return 0n;
  return base === 'enum' ? symbols![0] : base === 'array' ? [] : 0;
}

let services: Services;
let tidemark: CommandLine;

beforeAll(async () => {
  services = await startServices({ kafka: true, registry: true });
  tidemark = new CommandLine(services);
  await createTopics(services.kafkaBrokers);
  const kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'test' });
  const registry = new SchemaRegistry(services.registryUrl);
  const producer = await kafka.openProducer();
  const send = async (topic: TopicName, key: string, value: object, eventTime: number) => {
    const encoded = (await topicSerde<object>(registry, topic, AVRO[topic])).encode(filled(topic, value));
    const partitionKey = partitionKeyOf(topic, key);
    await producer.send({ topic, key, value: encoded, timestampMs: eventTime / 1000, partitionKey });
  };
  for (let day = 0; day < DAYS; day++) {
    const time = dayMicros(day, 16);
    const date = dateOf(day);
    const simpleReturn = 0.01 * Math.cos(day);
    const market = { eventTime: dayMicros(day + 1), instrument: 'SP500', date, simpleReturn };
    const trade = { eventTime: time, instrument: 'SP500', price: 100, size: 1, source: 'test', sequence: null };
    await send('market.trades', 'SP500', trade, time);
    await send('market.returns', `SP500/${date}`, market, market.eventTime);
    const pnl = breachPnl(time);
    await send('portfolio.pnl', pnl.portfolio, pnl, time);
    const figure = limitUtilisation('drawdown', time, 0.5 + 0.3 * Math.sin(day), 1);
    await send('risk.utilisation', `${pnl.portfolio}/drawdown`, figure, time);
    if (day === 20) await send('risk.breaches', pnl.portfolio, breachOf('drawdown', time), time);
  }
  await producer.close();
  await kafka.close();
}, 120_000);
afterAll(async () => {
  await services?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('tidemark features', { timeout: 120_000 }, () => {
  it('writes what is recorded, the same each time, to Parquet and to CSV', async () => {
    const { code, stdout, stderr } = await tidemark.run('features', '--out', out('all.parquet'), '--json');
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout) as FeaturesOutcome).toMatchObject({
      rows: DAYS,
      portfolios: 1,
      limits: 1,
      from: dateOf(0),
      to: dateOf(DAYS - 1),
      labelled: { breach1: DAYS - 1, breach5: DAYS - 5, breach20: DAYS - 20 },
      refused: {},
    });
    await tidemark.run('features', '--out', out('again.parquet'));
    expect(readFileSync(out('again.parquet')).equals(readFileSync(out('all.parquet')))).toBe(true);
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(out('all.parquet')) });
    expect(rows.filter(({ breach5 }) => breach5 === 1).map(({ day }) => day - rows[0]!.day)).toEqual([
      15, 16, 17, 18, 19,
    ]);

    const said = await tidemark.run('features', '--out', out('some.csv'), '--from', dateOf(10), '--to', dateOf(12));
    expect(said.stdout).toMatch(new RegExp(`^3 rows of 1 portfolio and 1 limit, ${dateOf(10)} to ${dateOf(12)}, in `));
    const [header, ...lines] = readFileSync(out('some.csv'), 'utf8').trimEnd().split('\n');
    const columns = header!.split(',');
    expect(columns).toEqual(Object.keys(rows[0]!));
    const asText = (row: Record<string, unknown>) => columns.map((name) => String(row[name] ?? '')).join(',');
    // Features of the tenth day know of the days before it.
    expect(lines).toEqual(rows.slice(10, 13).map(asText));
  });

  it('as of a time has what was known then, as if nothing had come since', async () => {
    const read = async (...args: string[]) => {
      const run = await tidemark.run('features', '--out', out('then.parquet'), ...args);
      expect([run.code, run.stderr.includes('left out')]).toEqual([0, false]);
      return parquetReadObjects({ file: await asyncBufferFromFile(out('then.parquet')) });
    };
    const all = await read();
    const then = await read('--as-of', dateOf(20));
    expect(then).toHaveLength(20);
    const known = ({ breach1: _1, breach5: _5, breach20: _20, ...features }: Record<string, unknown>) => features;
    expect(then.map(known)).toEqual(all.slice(0, 20).map(known));
    // The breach of the day after was not known, and so were labels of days that had not come.
    const labels = (rows: typeof all) => rows.map(({ breach5 }) => breach5);
    expect(labels(then)).toEqual([...new Array(15).fill(0), ...new Array(5).fill(null)]);
    expect(labels(all).slice(15, 20)).toEqual([1, 1, 1, 1, 1]);
  });

  it('says what is wrong, and leaves no file', async () => {
    const fails = async (...args: string[]) => {
      const { code, stderr } = await tidemark.run('features', '--out', out('wrong.csv'), ...args);
      expect(code).toBe(1);
      return stderr;
    };
    expect(await fails('--portfolio', 'nobody')).toContain('There is no portfolio "nobody"; there are ');
    expect(await fails('--market', 'SPX')).toContain('market.returns has nothing of SPX');
    expect(await fails('--from', '2040-01-01')).toContain(
      `There are no rows of 2040-01-01 to the end; those that there are go from ${dateOf(0)} to ${dateOf(DAYS - 1)}`,
    );
    expect(await fails('--as-of', 'yesterday')).toContain('--as-of yesterday');
    expect(await fails('--replay', 'labels')).toContain('There is no replay "labels"');
    expect(await fails('--out', out('wrong.txt'))).toContain('must end with .parquet or .csv');
    expect(await fails('--out', out('no/such/folder.csv'))).toContain('there is no folder');
    expect(existsSync(out('wrong.csv'))).toBe(false);
  });

  it('takes what a replay has written in place of what is live', async () => {
    // Whose trades never moved, unlike the returns that are live.
    expect((await tidemark.run('replay', 'bars', '--name', 'still')).code).toBe(0);
    expect((await tidemark.run('features', '--out', out('still.parquet'), '--replay', 'still')).code).toBe(0);
    const volatility = async (name: string) => {
      const rows = await parquetReadObjects({ file: await asyncBufferFromFile(out(name)) });
      return rows.at(-1)!.marketVolatility;
    };
    expect(await volatility('still.parquet')).toBe(0);
    expect(await volatility('all.parquet')).toBeGreaterThan(0.05);

    expect((await tidemark.run('replay', 'response', '--name', 'unfit')).code).toBe(0);
    const { stderr } = await tidemark.run('features', '--out', out('unfit.parquet'), '--replay', 'unfit');
    expect(stderr).toContain('Replay unfit is of response, which writes none of market.returns');
  });
});

describe('a training', { timeout: 120_000 }, () => {
  /** Node in Python's place: what is trained is not the matter here. */
  const trainer = (script: string) => {
    const train = out('train.mjs');
    writeFileSync(
      train,
      `import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
      const [set, file] = [process.argv[3], process.argv[5]];
      ${script}`,
    );
    return { model: 'breach', features: 'features', train };
  };
  const training = (limitMs = 60_000) => {
    const env = {
      ...process.env,
      KAFKA_BROKERS: services.kafkaBrokers.join(','),
      SCHEMA_REGISTRY_URL: services.registryUrl,
      TIDEMARK_HOME: services.home,
    };
    return new ProcessTraining({ python: process.execPath, folder: out('training'), limitMs, env });
  };
  const never = new AbortController().signal;

  it('gives the file that its script makes of what was known then', async () => {
    const script = 'writeFileSync(file, readFileSync(set + "/" + readdirSync(set)[0]));';
    const bytes = await training().train(trainer(script), dayMicros(20), never);
    await tidemark.run(
      'features',
      '--out',
      out('wanted.parquet'),
      '--as-of',
      new Date(dayMicros(20) / 1000).toISOString(),
    );
    expect(readFileSync(out('wanted.parquet')).equals(bytes)).toBe(true);
  });

  it('says what its script said last where that fails, or takes too long', async () => {
    const failing = training().train(trainer('console.error("too few days"); process.exit(3);'), null, never);
    await expect(failing).rejects.toThrow(/RETRAINING_FAILED|The training ended with 1 .*too few days/s);
    const late = training(3_000).train(trainer('setTimeout(() => {}, 60_000);'), null, never);
    await expect(late).rejects.toThrow(/took longer than 0 minutes/);
  });
});
