import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentsJson, hexDump, readContents } from '#ops/cli/dead-letters/contents.ts';
import {
  bytesText,
  type Letter,
  parseLetter,
  printable,
  timeText,
  topologiesOf,
} from '#ops/cli/dead-letters/letters.ts';
import { emptyText, Listing, listLines } from '#ops/cli/dead-letters/list.ts';
import { originalHeaders, Replays } from '#ops/cli/dead-letters/replay.ts';
import { letterLines } from '#ops/cli/dead-letters/show.ts';
import { offsetRange } from '#ops/cli/dead-letters.ts';
import { AVRO } from '#schemas/avro.ts';
import { ONE } from '#schemas/decimal.ts';
import { type KafkaRecord, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { startFakeRegistry } from '../../streams/kafka/fake-registry.ts';

const header = (key: string, value: string) => ({ key, value: Buffer.from(value) });
const ADDED = {
  'error.code': 'PRICE_INVALID',
  'error.message': 'a price is negative',
  'source.topic': 'market.trades',
  'source.partition': '2',
  'source.offset': '17',
  'source.timestampMs': '1700000000000',
};
const record = (
  added: Record<string, string> = ADDED,
  own: KafkaRecord['headers'] = [],
  rest: Partial<KafkaRecord> = {},
): KafkaRecord => ({
  offset: 5,
  timestampMs: 1_000,
  key: Buffer.from('ABC'),
  value: Buffer.from('v'),
  headers: [...own, ...Object.entries(added).map(([key, value]) => header(key, value))],
  ...rest,
});
const letter = (rest: Partial<Letter> = {}): Letter => ({
  ...parseLetter('positions.dead-letters', record()),
  ...rest,
});

describe('a letter', () => {
  it('tells why it is here, where it came from, and what it came with', () => {
    const own = [header('traceparent', '00-1-2-01')];
    const found = parseLetter('positions.dead-letters', record({ ...ADDED, 'error.stack': 'at x' }, own));
    expect(found).toEqual({
      topic: 'positions.dead-letters',
      offset: 5,
      code: 'PRICE_INVALID',
      reason: 'a price is negative',
      source: { topic: 'market.trades', partition: 2, offset: 17 },
      timestampMs: 1_700_000_000_000,
      key: Buffer.from('ABC'),
      value: Buffer.from('v'),
      headers: own,
      context: { 'error.stack': 'at x' },
      cut: null,
    });
  });

  it('gives a record its own headers back, even those that are called like ours', () => {
    const own = [header('error.code', 'THEIRS'), header('replayed.from', 'positions.dead-letters@1'), header('x', '')];
    const found = parseLetter('positions.dead-letters', record(ADDED, own));
    expect(found.code).toBe('PRICE_INVALID');
    expect(originalHeaders(found)).toEqual([own[0], own[2], header('replayed.from', 'positions.dead-letters@5')]);
  });

  it.each([
    ['value.truncatedFrom', 'value'],
    ['key.truncatedFrom', 'key'],
    ['headers.truncatedFrom', 'headers'],
  ])('knows from %s that it was cut', (name, what) => {
    const found = parseLetter('t.dead-letters', record({ ...ADDED, [name]: '10485760' }));
    expect(found.cut).toEqual({ what, fromBytes: 10_485_760 });
  });

  it('that somebody else wrote has no source, and its own time', () => {
    const found = parseLetter('t.dead-letters', record({}, [header('a', 'b')]));
    expect(found).toMatchObject({ code: 'UNKNOWN', source: null, timestampMs: 1_000, headers: [{ key: 'a' }] });
    for (const bad of ['', '-1', '1e3', 'x'])
      expect(parseLetter('t', record({ ...ADDED, 'source.offset': bad })).source).toBeNull();
  });
});

describe('whether a letter is replayed', () => {
  const sources = new Map([['market.trades', { id: 'id-1', partitions: 4 }]]);
  const replays = new Replays(sources, new Set(['id-1/2@17']));

  it('goes by the place of its source record, and by which topic that is', () => {
    expect(replays.isReplayed(letter())).toBe(true);
    expect(replays.isReplayed(letter({ source: { topic: 'market.trades', partition: 2, offset: 18 } }))).toBe(false);
    const recreated = new Replays(new Map([['market.trades', { id: 'id-2', partitions: 4 }]]), new Set(['id-1/2@17']));
    expect(recreated.isReplayed(letter())).toBe(false);
  });

  it.each<[string, Partial<Letter>, string]>([
    [
      'cut to size',
      { cut: { what: 'value', fromBytes: 9 } },
      'its value was cut to size from 9 bytes; the whole record is',
    ],
    ['without a source', { source: null }, 'its headers do not say where it came from'],
    ['of a topic that is gone', { source: { topic: 'x', partition: 0, offset: 0 } }, 'topic x does not exist any more'],
    [
      'of a partition that is gone',
      { source: { topic: 'market.trades', partition: 4, offset: 0 } },
      'market.trades has no partition 4 any more',
    ],
  ])('is refused to one %s', (_, rest, reason) => {
    expect(replays.refusal(letter())).toBeNull();
    expect(replays.refusal(letter(rest))).toContain(reason);
  });
});

describe('a letter shown whole', () => {
  it('has everything on it, control characters made harmless', () => {
    const context = { 'error.stack': 'Error: x\n    at y\u001b[2J', processor: 'mark' };
    const cut = { what: 'value', fromBytes: 9_999 } as const;
    const shown = letter({ context, cut, headers: [header('h', 'v')], key: Buffer.from('A\nB') });
    expect(letterLines(shown, { unreadable: 'no Avro' }, new Replays(new Map(), new Set()))).toEqual([
      'positions.dead-letters@5',
      '  code      PRICE_INVALID',
      '  reason    a price is negative',
      '  source    market.trades/2@17',
      '  time      2023-11-14T22:13:20.000Z',
      '  replayed  no',
      '  cut       its value, from 9,999 bytes',
      '  key       A\\x0aB',
      '  header    h = v',
      '  error.stack',
      '    Error: x',
      '    at y\\x1b[2J',
      '  processor = mark',
      '  value     1 byte, not readable: no Avro',
      `00000000  76${' '.repeat(47)}v`,
    ]);
  });
});

describe('a listing', () => {
  const listing = (options = {}) => {
    const made = new Listing({ limit: 2, ...options });
    for (const topic of ['a.dead-letters', 'b.dead-letters']) {
      made.beginTopic();
      for (let offset = 0; offset < 4; offset++) {
        const code = offset % 2 === 0 ? 'EVEN' : 'ODD';
        const source = { topic: `${topic[0]}.in`, partition: 0, offset };
        made.add(letter({ topic, offset, code, source, timestampMs: offset * 1_000 }), (one) => one.offset === 3);
      }
    }
    return made;
  };
  const places = ({ letters }: Listing) => letters.map(({ letter: { topic, offset } }) => `${topic[0]}${offset}`);

  it('has the newest of each topic last, and counts all', () => {
    const all = listing();
    expect(places(all)).toEqual(['a2', 'a3', 'b2', 'b3']);
    expect([...all.counts]).toEqual([
      ['EVEN', 4],
      ['ODD', 4],
    ]);
    const lines = listLines(all);
    expect(lines[0]).toMatch(/^POSITION +CODE +SOURCE +TIME +KEY +REPLAYED +REASON$/);
    expect(lines[2]).toMatch(/^a.dead-letters@3 +ODD +a.in\/0@3 +1970-01-01T00:00:03.000Z +ABC +yes +a price is neg/);
    expect(lines.slice(5)).toEqual([
      '',
      '4 older not shown; --limit shows more.',
      '',
      '4  EVEN',
      '4  ODD',
      '8  in all',
    ]);
  });

  it('selects by code, source topic and event time', () => {
    expect(places(listing({ code: 'ODD' }))).toEqual(['a1', 'a3', 'b1', 'b3']);
    expect(places(listing({ topic: 'b.in' }))).toEqual(['b2', 'b3']);
    expect(places(listing({ since: 3_000_000, limit: 9 }))).toEqual(['a3', 'b3']);
  });

  it('says why it is empty, and what was meant', () => {
    const empty = (options = {}) => emptyText(listing(options), ['a', 'b'], { limit: 2, ...options });
    expect(empty()).toBeNull();
    expect(emptyText(new Listing({ limit: 2 }), ['a', 'b'], { limit: 2 })).toBe(
      'No dead letters and no late records of a, b.',
    );
    expect(empty({ code: 'EVN' })).toBe('No letter has the code "EVN"; did you mean EVEN?');
    expect(empty({ code: 'SOMETHING' })).toBe('No letter has the code "SOMETHING"; there are EVEN, ODD');
    expect(empty({ topic: 'a.im' })).toBe('No letter comes from the topic "a.im"; did you mean a.in?');
    expect(empty({ since: 9e9 })).toContain('none with all that was asked for');
  });
});

describe('contents', () => {
  let fake: Awaited<ReturnType<typeof startFakeRegistry>>;
  let registry: SchemaRegistry;
  beforeAll(async () => {
    fake = await startFakeRegistry();
    registry = new SchemaRegistry(fake.url);
  });
  afterAll(() => fake.stop());

  it('are decoded with the schema that they were written with', async () => {
    const serde = await topicSerde(registry, 'portfolio.cash', AVRO['portfolio.cash']);
    const amount = -ONE / 4n;
    const value = serde.encode({ eventTime: 1_000_000, cashId: 'c1', portfolio: 'desk', amount, source: 'test' });
    const contents = await readContents(registry, value);
    expect(contents).toMatchObject({ schemaId: 1, value: { portfolio: 'desk', amount } });
    expect(JSON.parse(contentsJson(contents))).toMatchObject({ value: { amount: '-0.25' } });
    expect(await readContents(registry, value.subarray(0, -1))).toMatchObject({ unreadable: expect.any(String) });
    expect(await readContents(registry, Buffer.concat([value, value]))).toEqual({
      unreadable: `it is not what schema 1 says: ${value.length} bytes follow it`,
    });
  });

  it('say why they cannot be read', async () => {
    const unreadable = async (value: Buffer) => (await readContents(registry, value)) as { unreadable: string };
    expect((await unreadable(Buffer.from('no Avro'))).unreadable).toContain('Confluent wire format');
    expect((await unreadable(Buffer.from([0, 0, 0, 0, 99, 1]))).unreadable).toContain('Schema not found');
    const scale2 = { type: 'bytes', logicalType: 'decimal', precision: 10, scale: 2 } as const;
    const other = await topicSerde(registry, 'x', { type: 'record', name: 'X', fields: [{ name: 'a', type: scale2 }] });
    expect((await unreadable(other.encode({ a: 1n }))).unreadable).toContain('another scale than 9');
  });

  it('show bytes in base64, and a dump as everybody knows it', () => {
    expect(contentsJson({ a: Buffer.from([1, 2, 3]), b: Number.NaN }, 0)).toBe('{"a":"AQID","b":"NaN"}');
    expect(hexDump(Buffer.from('0123456789abcdef\n~'))).toEqual([
      '00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef',
      `00000010  0a 7e${' '.repeat(42)}  .~`,
    ]);
  });
});

describe('words of the command line', () => {
  it('take offsets one by one, in ranges and in lists', () => {
    expect(offsetRange('12')).toEqual([[12, 12]]);
    expect(offsetRange('12-20,3', [[1, 1]])).toEqual([
      [1, 1],
      [12, 20],
      [3, 3],
    ]);
    for (const bad of ['', 'x', '-1', '5-', '20-12', '1,,2'])
      expect(() => offsetRange(bad)).toThrow('is not an offset');
  });

  it('show control characters instead of sending them to the terminal', () => {
    expect(printable('a\u001b[31mb\u0007')).toBe('a\\x1b[31mb\\x07');
    expect(bytesText(Buffer.from('é'))).toBe('é');
    expect(bytesText(Buffer.from([0xff, 0xfe]))).toBe('0xfffe');
    expect(bytesText(null)).toBe('null');
    expect([timeText(0), timeText(9e15)]).toEqual(['1970-01-01T00:00:00.000Z', '9000000000000000 ms']);
  });

  it('know the topologies by their topics', () => {
    expect(topologiesOf(['x.dead-letters', 'y.late-records', 'z.other'], ['positions'])).toEqual([
      'positions',
      'x',
      'y',
    ]);
  });
});
