import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { afterAll, describe, expect, it } from 'vitest';
import { type ExportRecord, topicFields } from '#ops/cli/export/fields.ts';
import { type Format, openWriter } from '#ops/cli/export/formats.ts';
import { TOPICS, type TopicName } from '#schemas/topics.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-export-'));
afterAll(() => rmSync(folder, { recursive: true }));

const FILL = {
  eventTime: 631_152_000_123_456,
  fillId: 'F-1',
  action: 'NEW',
  portfolio: 'desk',
  instrument: 'AAPL',
  side: 'BUY',
  quantity: 12_345_678_901_234_567_890_123_456_789n,
  price: -1n,
  commission: 1_500_000_000n,
  orderId: null,
  venue: 'a "quoted", venue',
};
const record = (value: ExportRecord['value'], topic: TopicName = 'orders.fills'): ExportRecord => ({
  topic,
  partition: 3,
  offset: 9_007_199_254_740_991,
  timestampMs: 631_152_000_123,
  key: 'desk',
  value,
});

let files = 0;
async function written(format: Format, topic: string, records: readonly ExportRecord[]): Promise<string> {
  const path = join(folder, `${++files}.${format}`);
  const writer = await openWriter(format, topicFields(topic), path);
  for (const next of records) await writer.write(next);
  expect(existsSync(path)).toBe(false);
  await writer.finish();
  return path;
}

describe('an export', () => {
  it('as jsonl has exact amounts as strings, event times as integers, NaN by name', async () => {
    const pnl = { equity: Number.NaN, drawdown: Number.POSITIVE_INFINITY, cash: -0n };
    const path = await written('jsonl', 'orders.fills', [record(FILL), record(null), record(pnl, 'portfolio.pnl')]);
    const [fill, tombstone, other] = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(fill).toEqual({
      topic: 'orders.fills',
      partition: 3,
      offset: 9_007_199_254_740_991,
      timestamp: '1990-01-01T00:00:00.123Z',
      key: 'desk',
      value: { ...FILL, quantity: '12345678901234567890.123456789', price: '-0.000000001', commission: '1.5' },
    });
    expect(tombstone.value).toBeNull();
    expect(other.value).toEqual({ equity: 'NaN', drawdown: 'Infinity', cash: '0' });
  });

  it('as csv has a header, the fields, and where the record lay', async () => {
    const path = await written('csv', 'orders.fills', [record(FILL)]);
    expect(readFileSync(path, 'utf8')).toBe(
      'eventTime,fillId,action,portfolio,instrument,side,quantity,price,commission,orderId,venue,_key,_partition,_offset,_timestamp\n' +
        '631152000123456,F-1,NEW,desk,AAPL,BUY,12345678901234567890.123456789,-0.000000001,1.5,,"a ""quoted"", venue",' +
        'desk,3,9007199254740991,1990-01-01T00:00:00.123Z\n',
    );
  });

  it('of an empty topic is a header', async () => {
    const path = await written('csv', 'portfolio.cash', []);
    expect(readFileSync(path, 'utf8')).toBe(
      'eventTime,cashId,portfolio,amount,currency,source,_key,_partition,_offset,_timestamp\n',
    );
  });

  it('as parquet keeps amounts as exact decimals and times as UTC microseconds', async () => {
    const path = await written('parquet', 'orders.fills', [record(FILL), record(null)]);
    const file = await asyncBufferFromFile(path);
    const { schema } = await parquetMetadataAsync(file);
    expect(schema.find(({ name }) => name === 'quantity')).toMatchObject({
      type: 'FIXED_LEN_BYTE_ARRAY',
      converted_type: 'DECIMAL',
      precision: 38,
      scale: 9,
    });
    // hyparquet turns decimals into doubles; the bytes are what other readers see.
    const [row, empty] = await parquetReadObjects({ file, utf8: true });
    expect(row).toMatchObject({
      fillId: 'F-1',
      orderId: null,
      price: -0.000000001,
      commission: 1.5,
      _partition: 3,
      _offset: 9_007_199_254_740_991n,
    });
    expect((row!.quantity as number) / 12_345_678_901_234_567_000).toBeCloseTo(1, 12);
    expect((row!.eventTime as Date).toISOString()).toBe('1990-01-01T00:00:00.123Z');
    expect(empty).toMatchObject({ fillId: null, quantity: null, _key: 'desk' });
    const bytes = readFileSync(path);
    const unscaled = Buffer.from(FILL.quantity.toString(16).padStart(32, '0'), 'hex');
    expect(bytes.includes(unscaled)).toBe(true);
  });

  it('as parquet works for every topic, NaN included, and for no records at all', async () => {
    for (const topic of Object.keys(TOPICS) as TopicName[]) {
      const file = await asyncBufferFromFile(await written('parquet', topic, []));
      expect(await parquetReadObjects({ file })).toEqual([]);
    }
    const pnl = { eventTime: 1, equity: Number.NaN, openPositions: 2 };
    const path = await written('parquet', 'portfolio.pnl', [record(pnl, 'portfolio.pnl')]);
    const [row] = await parquetReadObjects({ file: await asyncBufferFromFile(path) });
    expect(row).toMatchObject({ equity: Number.NaN, openPositions: 2 });
  });

  it('that fails leaves no half file behind', async () => {
    for (const format of ['jsonl', 'csv', 'parquet'] as const) {
      const path = join(folder, `failed.${format}`);
      const writer = await openWriter(format, topicFields('orders.fills'), path);
      await writer.write(record(FILL));
      writer.abandon();
      expect([existsSync(path), existsSync(`${path}.part`)]).toEqual([false, false]);
    }
  });

  it('of a topic without a schema of ours has headers and bytes', () => {
    expect(topicFields('positions.dead-letters').map(({ name }) => name)).toEqual(['headers', 'valueBase64']);
  });

  it('into a folder that is not there fails with a sentence', async () => {
    const path = join(folder, 'nowhere', 'file');
    for (const format of ['jsonl', 'csv', 'parquet'] as const) {
      const attempt = async () => {
        const writer = await openWriter(format, topicFields('orders.fills'), path);
        await writer.write(record(FILL));
        await writer.finish();
      };
      await expect(attempt()).rejects.toThrow(`${path} cannot be written: ENOENT`);
    }
  });

  it('as parquet wants a file', async () => {
    await expect(openWriter('parquet', [], undefined)).rejects.toThrow('add --out FILE');
  });
});
