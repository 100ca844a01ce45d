import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IngestReport } from '#connectors/file/ingest.ts';
import { type Kafka, openKafka } from '#streams/kafka/index.ts';
import { murmur2Partition } from '#streams/kafka/murmur2.ts';
import { takeLock } from '#streams/kit/lock.ts';
import { CommandLine, parseLines } from './cli.ts';
import { type Services, startServices, until } from './harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-cli-'));
let services: Services;
let kafka: Kafka;
let tidemark: CommandLine;

beforeAll(async () => {
  services = await startServices({ kafka: true, registry: true });
  tidemark = new CommandLine(services);
  kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'test' });
}, 120_000);
afterAll(async () => {
  await kafka?.close();
  await services?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function ingest(...args: string[]): Promise<{ code: number | null; report: IngestReport }> {
  const { code, stdout, stderr } = await tidemark.run('ingest', ...args, '--json');
  if (stdout === '') throw new Error(`no report: ${stderr}`);
  return { code, report: JSON.parse(stdout) as IngestReport };
}
function file(name: string, ...lines: string[]): string {
  const path = join(folder, name);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}
const size = async (topic: string) => (await kafka.offsets(topic, 'latest')).reduce((sum, end) => sum + end, 0);
const FILLS = 'time,portfolio,instrument,side,quantity,price,commission,fillId';

describe('tidemark ingest', { timeout: 300_000 }, () => {
  it('brings fills in exactly, in file order, once', async () => {
    const path = file(
      'fills.csv',
      FILLS,
      '2024-01-05T15:30:00Z,fills-desk,AAPL,BUY,100.000000001,181.18,-0.5,F-1',
      '2024-01-05T15:29:00Z,fills-desk,AAPL,SELL,50,182,1,',
    );
    const first = await ingest('fills', path);
    expect(first).toMatchObject({ code: 0, report: { outcome: 'ADDED', rows: 2, added: 2, alreadyThere: 0 } });
    const again = await ingest('fills', path);
    expect(again).toMatchObject({ code: 0, report: { outcome: 'ALREADY_DONE', added: 0, alreadyThere: 2 } });
    const { id } = first.report;
    const records = await tidemark.exported('orders.fills', '--key', 'fills-desk');
    expect(records.map(({ value }) => value)).toEqual([
      expect.objectContaining({ fillId: 'F-1', quantity: '100.000000001', price: '181.18', commission: '-0.5' }),
      expect.objectContaining({ fillId: `${id}:2`, side: 'SELL', venue: `file:${id}` }),
    ]);
    expect(records.map(({ timestamp }) => timestamp)).toEqual(['2024-01-05T15:30:00.000Z', '2024-01-05T15:29:00.000Z']);
  });

  it('brings corporate actions in, corrects them and takes them back, each file once', async () => {
    const header = 'instrument,type,exTime,newUnits,oldUnits,amount,actionId,time,action';
    const first = file(
      'actions.csv',
      header,
      'AAPL,SPLIT,2020-08-31,4,1,,s,2020-07-30,',
      'KO,CASH_DIVIDEND,2024-03-14,,,0.485,,,',
    );
    expect(await ingest('corporate-actions', first)).toMatchObject({ code: 0, report: { outcome: 'ADDED', added: 2 } });
    const second = file('taken-back.csv', header, 'AAPL,SPLIT,2020-08-31,4,1,,s,2020-08-01,CANCEL');
    expect((await ingest('corporate-actions', second)).report).toMatchObject({ outcome: 'ADDED', added: 1 });
    expect((await ingest('corporate-actions', second)).report).toMatchObject({
      outcome: 'ALREADY_DONE',
      alreadyThere: 1,
    });
    const records = await tidemark.exported('reference.corporate-actions');
    const said = records.map(({ key, value }) => [key, value && (value as { type: string }).type]);
    expect(said.filter(([key]) => key === 'AAPL/s')).toEqual([
      ['AAPL/s', 'SPLIT'],
      ['AAPL/s', null],
    ]);
    expect(said).toContainEqual(['KO/CASH_DIVIDEND:2024-03-14', 'CASH_DIVIDEND']);
    // As what is read beside it has them.
    const partitionOf = (one: string) => records.find(({ key }) => key === one)!.partition;
    expect(partitionOf('AAPL/s')).toBe(murmur2Partition('AAPL', 4));
  });

  it('knows the same content again when it is packed', async () => {
    const content = 'time,portfolio,amount\n2024-01-02,packed-desk,1000\n';
    writeFileSync(join(folder, 'cash.csv'), content);
    writeFileSync(join(folder, 'cash.csv.gz'), gzipSync(content));
    expect((await ingest('cash', join(folder, 'cash.csv'))).report.outcome).toBe('ADDED');
    expect((await ingest('cash', join(folder, 'cash.csv.gz'))).report.outcome).toBe('ALREADY_DONE');
    expect(await tidemark.exported('portfolio.cash', '--key', 'packed-desk')).toHaveLength(1);
  });

  it('adds nothing from a file with a bad row, says what is wrong, and takes the good rows when asked to', async () => {
    const path = file(
      'bad.csv',
      'time,instrument,price,size',
      '2024-01-05,BAD-1,1,1',
      '2024-01-05,BAD-2,-1,1',
      '2024-01-05,BAD-3,1,1',
    );
    const refused = await tidemark.run('ingest', 'trades', path);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain('line 3, price "-1": must be greater than zero');
    expect(refused.stdout).toContain('Nothing was added');
    expect(readFileSync(`${path}.rejects.csv`, 'utf8')).toBe(
      'line,column,value,reason\n3,price,-1,must be greater than zero\n',
    );
    expect((await kafka.listTopics()).includes('market.trades') && (await size('market.trades'))).toBeFalsy();

    const taken = await ingest('trades', path, '--skip-bad');
    expect(taken).toMatchObject({ code: 0, report: { rows: 3, badRows: 1, added: 2 } });
    const records = await tidemark.exported('market.trades');
    // The row number counts bad rows too, so that it stays the same whatever is left out.
    expect(records.map(({ key, value }) => [key, value?.sequence]).sort()).toEqual([
      ['BAD-1', 1],
      ['BAD-3', 3],
    ]);
  });

  it('removes the rejects of an earlier run, but no file of another kind', async () => {
    const path = file('mended.csv', 'time,portfolio,amount', '2024-01-02,mended-desk,0');
    expect((await ingest('cash', path)).code).toBe(1);
    file('mended.csv', 'time,portfolio,amount', '2024-01-02,mended-desk,1');
    expect((await ingest('cash', path)).code).toBe(0);
    expect(existsSync(`${path}.rejects.csv`)).toBe(false);
    const mine = file('notes.txt', 'mine');
    const { code, stderr } = await tidemark.run('ingest', 'cash', path, '--rejects', mine);
    expect([code, readFileSync(mine, 'utf8')]).toEqual([1, 'mine\n']);
    expect(stderr).toContain('is not a file of rejects');
  });

  it('refuses other content under a known id', async () => {
    const path = file('named.csv', 'time,portfolio,amount', '2024-01-02,named-desk,1');
    expect((await ingest('cash', path, '--id', 'january')).report.id).toBe('january');
    file('named.csv', 'time,portfolio,amount', '2024-01-02,named-desk,2');
    const { code, stderr } = await tidemark.run('ingest', 'cash', path, '--id', 'january');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Ingest january was other content \(cash, 1 rows, .*\): choose another --id\n$/);
    expect(await tidemark.exported('portfolio.cash', '--key', 'named-desk')).toHaveLength(1);
  });

  it('adds only what is missing after it was killed on its way', async () => {
    const rows = 400_000;
    const lines = Array.from(
      { length: rows },
      (_, index) => `${1_704_468_600_000 + index},KILL-${index % 50},${1 + (index % 1000) / 8},${1 + (index % 9)}`,
    );
    const path = file('killed.csv', 'time,instrument,price,size', lines.join('\n'));
    const before = await size('market.trades');
    const { child, outcome } = tidemark.start('ingest', 'trades', path, '--id', 'killed');
    await until('the first records are there', async () => (await size('market.trades')) > before, 60_000);
    child.kill('SIGKILL');
    await outcome;
    const { code, report } = await ingest('trades', path, '--id', 'killed');
    expect([code, report.outcome]).toEqual([0, 'ADDED']);
    expect(report.alreadyThere).toBeGreaterThan(0);
    expect(report.added).toBeGreaterThan(0);
    expect(report.added + report.alreadyThere).toBe(rows);
    const out = join(folder, 'killed.jsonl');
    expect((await tidemark.run('export', 'market.trades', '--out', out)).code).toBe(0);
    const records = parseLines(readFileSync(out, 'utf8')).filter(({ value }) => value?.source === 'file:killed');
    const sequences = records.map(({ value }) => value?.sequence as number);
    expect([records.length, new Set(sequences).size]).toEqual([rows, rows]);
    // Within a partition rows are in file order, over the interruption too.
    const last = new Map<number, number>();
    for (const [index, { partition }] of records.entries()) {
      expect(sequences[index]!).toBeGreaterThan(last.get(partition) ?? 0);
      last.set(partition, sequences[index]!);
    }
    expect((await ingest('trades', path, '--id', 'killed')).report.outcome).toBe('ALREADY_DONE');
  });

  it('resumes fills by their own ids', async () => {
    const lines = Array.from(
      { length: 100_000 },
      (_, index) => `2024-01-05,resume-desk,AAPL,BUY,1,${index + 1},0,R-${index}`,
    );
    const path = file('resume.csv', FILLS, lines.join('\n'));
    const before = await size('orders.fills');
    const { child, outcome } = tidemark.start('ingest', 'fills', path);
    await until('the first fills are there', async () => (await size('orders.fills')) > before, 60_000);
    child.kill('SIGKILL');
    await outcome;
    const { report } = await ingest('fills', path);
    expect(report.added + report.alreadyThere).toBe(100_000);
    expect((await size('orders.fills')) - before).toBe(100_000);
  });

  it('is refused while another process is at the same ingest', async () => {
    const path = file('busy.csv', 'time,portfolio,amount', '2024-01-02,busy-desk,1');
    // Held by this test, a live Node process, as a running ingest holds it.
    const name = createHash('sha256').update('busy').digest('hex').slice(0, 32);
    const release = takeLock(join(services.home, 'locks', `ingest-${name}.lock`));
    const { code, stderr } = await tidemark.run('ingest', 'cash', path, '--id', 'busy');
    expect([code, stderr]).toEqual([1, expect.stringContaining(`Process ${process.pid} is at this ingest already`)]);
    release();
    expect((await ingest('cash', path, '--id', 'busy')).report.added).toBe(1);
  });
});
