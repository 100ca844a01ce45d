import { describe, expect, it } from 'vitest';
import { type FileKindName, fileKind } from '#connectors/file/kinds.ts';
import { FileParser, type ParsedRow } from '#connectors/file/parse.ts';
import { UniqueIds } from '#connectors/file/unique-ids.ts';

const NOW_MS = Date.UTC(2024, 5, 1);
const ORIGIN = { id: 'test', source: 'file:test' };

function parse(kind: FileKindName, ...lines: string[]): ParsedRow[] {
  const parser = new FileParser(fileKind(kind), ORIGIN, NOW_MS);
  return lines.flatMap((text, index) => parser.parse({ text, number: index + 1, fault: null }) ?? []);
}
const problems = (row: ParsedRow | undefined) => row?.problems.map(({ column, reason }) => `${column}: ${reason}`);

const TRADES = 'time,instrument,price,size';
const FILLS = 'time,portfolio,instrument,side,quantity,price,commission,fillId';

describe('a file of trades', () => {
  it('becomes records, whatever the order of its columns', () => {
    const [row] = parse('trades', 'SIZE,price,instrument,time', '100,181.18,AAPL,2024-01-05T15:30:00Z');
    expect(row).toEqual({
      number: 1,
      line: 2,
      problems: [],
      record: {
        eventTime: Date.UTC(2024, 0, 5, 15, 30) * 1000,
        instrument: 'AAPL',
        price: 181.18,
        size: 100,
        source: 'file:test',
        sequence: 1,
      },
    });
  });

  it('may leave the size out', () => {
    expect(parse('trades', TRADES, '2024-01-05,AAPL,1,')[0]?.record).toMatchObject({ size: null });
    expect(parse('trades', 'time,instrument,price', '2024-01-05,AAPL,1')[0]?.record).toMatchObject({ size: null });
  });

  it('counts bad rows in its row numbers, and blank lines only in its lines', () => {
    const rows = parse('trades', '', TRADES, '2024-01-05,A,x,1', '', '2024-01-05,B,1,1');
    expect(rows.map(({ number, line, record }) => [number, line, record !== null])).toEqual([
      [1, 3, false],
      [2, 5, true],
    ]);
    expect(rows[1]!.record).toMatchObject({ sequence: 2 });
  });

  it.each([
    ['2024-01-05,AAPL,0,1', 'price: must be greater than zero'],
    ['2024-01-05,AAPL,-1,1', 'price: must be greater than zero'],
    ['2024-01-05,AAPL,NaN,1', 'price: is not a number'],
    ['2024-01-05,AAPL,Infinity,1', 'price: is not a number'],
    ['2024-01-05,AAPL,1e400,1', 'price: is not a number'],
    ['2024-01-05,AAPL,0x10,1', 'price: is not a number'],
    ['2024-01-05,AAPL,1_000,1', 'price: is not a number'],
    ['2024-01-05,AAPL,"1,000.50",1', 'price: is not a number'],
    ['2024-01-05,AAPL,,1', 'price: is empty'],
    ['2024-01-05,AAPL,1,0', 'size: must be greater than zero'],
    ['2024-01-05,,1,1', 'instrument: is empty'],
    ['2024-01-05,A/B,1,1', 'instrument: The instrument id "A/B" contains "/"'],
    [`2024-01-05,${'A'.repeat(101)},1,1`, 'instrument: The instrument id has 101 characters'],
    ['2024-01-05,A\u0000B,1,1', 'instrument: The instrument id "A\\u0000B" contains a control character'],
    ['3000-01-01,AAPL,1,1', 'time: is more than a day ahead'],
    [',AAPL,1,1', 'time: is empty'],
    ['2024-01-05,AAPL,1', ': the line has 3 fields; the header has 4'],
    ['2024-01-05,AAPL,1,1,1', ': the line has 5 fields; the header has 4'],
    ['2024-01-05,"AAPL,1,1', ': a quoted field is not closed'],
  ])('refuses %s', (line, reason) => {
    const [row] = parse('trades', TRADES, line);
    expect(row!.record).toBeNull();
    expect(problems(row)).toEqual([expect.stringContaining(reason)]);
  });

  it('reports every problem of a row', () => {
    const [row] = parse('trades', TRADES, 'soon,A/B,-1,x');
    expect(row!.problems.map(({ column }) => column)).toEqual(['time', 'instrument', 'price', 'size']);
  });

  it('refuses lines that are no text', () => {
    const parser = new FileParser(fileKind('trades'), ORIGIN, NOW_MS);
    parser.parse({ text: TRADES, number: 1, fault: null });
    expect(problems(parser.parse({ text: '\ufffd', number: 2, fault: 'NOT_UTF8' })!)).toEqual([
      ': the line is not UTF-8 text',
    ]);
    expect(problems(parser.parse({ text: 'x', number: 3, fault: 'TOO_LONG' })!)![0]).toContain('longer than');
  });
});

describe('a file of fills', () => {
  it('keeps amounts exact and makes ids for rows that have none', () => {
    const rows = parse(
      'fills',
      FILLS,
      '2024-01-05,desk,AAPL,BUY,0.1,181.123456789,-0.5,F-1',
      '2024-01-05,desk,AAPL,SELL,1e3,.5,0,',
    );
    expect(rows.map(({ record }) => record)).toEqual([
      expect.objectContaining({
        fillId: 'F-1',
        action: 'NEW',
        side: 'BUY',
        quantity: 100_000_000n,
        price: 181_123_456_789n,
        commission: -500_000_000n,
        orderId: null,
        venue: 'file:test',
      }),
      expect.objectContaining({ fillId: 'test:2', side: 'SELL', quantity: 1_000_000_000_000n, price: 500_000_000n }),
    ]);
  });

  it.each([
    ['2024-01-05,desk,AAPL,HOLD,1,1,0,', 'side: expected BUY or SELL'],
    ['2024-01-05,desk,AAPL,buy,1,1,0,', 'side: expected BUY or SELL'],
    ['2024-01-05,desk,AAPL,,1,1,0,', 'side: is empty'],
    ['2024-01-05,desk,AAPL,BUY,0,1,0,', 'quantity: must be greater than zero'],
    ['2024-01-05,desk,AAPL,BUY,-1,1,0,', 'quantity: must be greater than zero'],
    ['2024-01-05,desk,AAPL,BUY,1,0.0000000001,0,', 'price: "0.0000000001" has more than 9 decimals'],
    [`2024-01-05,desk,AAPL,BUY,${'9'.repeat(30)},1,0,`, 'quantity: an amount has more than 38 digits'],
    ['2024-01-05,desk,AAPL,BUY,1,1,,', 'commission: is empty'],
    ['2024-01-05,desk,AAPL,BUY,1,NaN,0,', 'price: "NaN" is not a decimal number'],
    ['2024-01-05,a/b,AAPL,BUY,1,1,0,', 'portfolio: The portfolio id "a/b" contains "/"'],
    [`2024-01-05,desk,AAPL,BUY,1,1,0,${'F'.repeat(301)}`, 'fillId: The fill id has 301 characters'],
    ['2024-01-05,desk,AAPL,BUY,1,1,0,test:7', 'fillId: begins with "test:"'],
  ])('refuses %s', (line, reason) => {
    const [row] = parse('fills', FILLS, line);
    expect(row!.record).toBeNull();
    expect(problems(row)).toEqual([expect.stringContaining(reason)]);
  });

  it('refuses a fillId that the portfolio had on an earlier row: the later fill would be passed over unseen', () => {
    const rows = parse(
      'fills',
      FILLS,
      '2024-01-05,desk,AAPL,BUY,1,1,0,F-1',
      '2024-01-05,other,AAPL,BUY,1,1,0,F-1',
      '2024-01-05,desk,MSFT,BUY,2,1,0,F-1',
    );
    expect(rows.map(({ record }) => record !== null)).toEqual([true, true, false]);
    expect(problems(rows[2])).toEqual(['fillId: row 1 of this file has it already']);
  });

  it('may correct and cancel fills of its own and of others, one of them several times', () => {
    const rows = parse(
      'fills',
      `${FILLS},action`,
      '2024-01-05,desk,AAPL,BUY,1,1,0,F-1,',
      '2024-01-06,desk,AAPL,BUY,1,2,0,F-1,CORRECT',
      '2024-01-07,desk,AAPL,BUY,1,3,0,F-1,CORRECT',
      '2024-01-08,desk,AAPL,SELL,1,3,0,other-file:7,CANCEL',
      '2024-01-08,desk,AAPL,SELL,1,3,0,test:1,CANCEL',
    );
    expect(rows.map(({ record }) => record)).toEqual([
      expect.objectContaining({ action: 'NEW', fillId: 'F-1' }),
      expect.objectContaining({ action: 'CORRECT', fillId: 'F-1', price: 2_000_000_000n, venue: 'file:test' }),
      expect.objectContaining({ action: 'CORRECT', fillId: 'F-1', price: 3_000_000_000n }),
      expect.objectContaining({ action: 'CANCEL', fillId: 'other-file:7' }),
      expect.objectContaining({ action: 'CANCEL', fillId: 'test:1' }),
    ]);
    const { identity } = fileKind('fills');
    const identities = rows.map(({ record }) => identity(record!, ORIGIN));
    expect(new Set(identities).size).toBe(5);
  });

  it.each([
    ['2024-01-05,desk,AAPL,BUY,1,1,0,,CANCEL', 'fillId: is empty'],
    ['2024-01-05,desk,AAPL,BUY,1,1,0,F-1,DELETE', 'action: expected NEW or CORRECT or CANCEL'],
    [`2024-01-05,desk,AAPL,BUY,1,1,0,${'F'.repeat(301)},CORRECT`, 'fillId: The fill id has 301 characters'],
  ])('refuses the amendment %s', (line, reason) => {
    expect(problems(parse('fills', `${FILLS},action`, line)[0])).toEqual([expect.stringContaining(reason)]);
  });

  it('is judged alike by every pass over it', () => {
    const ids = new UniqueIds();
    const pass = () => {
      const parser = new FileParser(fileKind('fills'), ORIGIN, NOW_MS, ids);
      return [
        FILLS,
        '2024-01-05,desk,A,BUY,1,1,0,F-1',
        '2024-01-05,desk,A,BUY,1,1,0,F-1',
        '2024-01-05,desk,A,BUY,1,1,0,F-2',
      ]
        .flatMap((text, index) => parser.parse({ text, number: index + 1, fault: null }) ?? [])
        .map(({ record }) => record !== null);
    };
    const first = pass();
    ids.settle();
    expect([first, pass()]).toEqual([
      [true, false, true],
      [true, false, true],
    ]);
  });
});

describe('a file of cash movements', () => {
  it('has deposits and withdrawals', () => {
    const rows = parse('cash', 'time,portfolio,amount', '2024-01-02,desk,1000000', '2024-01-03,desk,-0.000000001');
    expect(rows.map(({ record }) => record)).toEqual([
      expect.objectContaining({ cashId: 'test:1', amount: 1_000_000_000_000_000n, source: 'file:test' }),
      expect.objectContaining({ cashId: 'test:2', amount: -1n }),
    ]);
  });

  it('has them in another currency than the base currency where it says so', () => {
    const rows = parse(
      'cash',
      'time,portfolio,amount,currency',
      '2024-01-02,desk,1,JPY',
      '2024-01-02,desk,1,',
      '2024-01-02,desk,1,jpy',
    );
    expect(rows.slice(0, 2).map(({ record }) => record)).toEqual([
      expect.objectContaining({ currency: 'JPY' }),
      expect.objectContaining({ currency: null }),
    ]);
    expect(problems(rows[2])).toEqual(['currency: is not a currency of three capital letters, e.g. EUR']);
  });

  it('refuses an amount of zero', () => {
    expect(problems(parse('cash', 'time,portfolio,amount', '2024-01-02,desk,0.00')[0])).toEqual([
      'amount: must not be zero',
    ]);
  });
});

describe('a header', () => {
  it.each([
    ['time,instrument,prise,size', '"prise" is not a column here; did you mean price?'],
    ['time,instrument,price,size,note', '"note" is not a column here'],
    ['time,price', 'instrument is missing'],
    ['size', 'time, instrument, price are missing'],
    ['time,instrument,price,Price', '"Price" is there twice'],
    ['time;instrument;price', 'separated by commas'],
    ['2024-01-05,AAPL,1,1', '"2024-01-05" is not a column here'],
    ['time,"instrument', 'not closed'],
  ])('of %s is refused, naming the expected columns', (header, reason) => {
    expect(() => parse('trades', header)).toThrow(reason);
    expect(() => parse('trades', header)).toThrow('Expected columns: time, instrument, price, [size]');
  });
});

describe('a file of corporate actions', () => {
  const ACTIONS = 'instrument,type,exTime,newUnits,oldUnits,amount,actionId,time,action';
  const only = (line: string) => parse('corporate-actions', ACTIONS, line)[0];

  it('becomes records, with ids made from type and ex date', () => {
    const [split, dividend] = parse(
      'corporate-actions',
      ACTIONS,
      'AAPL,SPLIT,2020-08-31,4,1,,,2020-07-30,',
      'KO,CASH_DIVIDEND,2024-03-14,,,0.485,q1,,SET',
    );
    const midnight = (date: string) => Date.parse(date) * 1000;
    expect(split!.record).toMatchObject({
      eventTime: midnight('2020-07-30'),
      actionId: 'SPLIT:2020-08-31',
      instrument: 'AAPL',
      type: 'SPLIT',
      exTime: midnight('2020-08-31'),
      newUnits: 4_000_000_000n,
      oldUnits: 1_000_000_000n,
      amount: null,
      source: 'file:test',
    });
    // Announced nobody knows when: at the ex time at the latest.
    expect(dividend!.record).toMatchObject({ actionId: 'q1', amount: 485_000_000n, eventTime: midnight('2024-03-14') });
  });

  it('may announce what lies ahead, and then says when it did', () => {
    expect(only('AAPL,SPLIT,2030-01-01,2,1,,,2024-05-01,')!.record).toMatchObject({
      exTime: Date.UTC(2030, 0, 1) * 1000,
    });
    expect(problems(only('AAPL,SPLIT,2030-01-01,2,1,,,,'))).toEqual([
      'time: is empty, and exTime lies ahead of the clock: give the time of the announcement',
    ]);
  });

  it.each([
    ['AAPL,SPLIT,2020-08-31,,1,,,,', 'newUnits: is empty'],
    ['AAPL,SPLIT,2020-08-31,0,1,,,,', 'newUnits: must be greater than zero'],
    ['AAPL,SPLIT,2020-08-31,2,1,3,,,', 'amount: must be empty: a SPLIT has none'],
    ['AAPL,CASH_DIVIDEND,2020-08-31,,,,,,', 'amount: is empty'],
    ['AAPL,CASH_DIVIDEND,2020-08-31,2,,1,,,', 'newUnits: must be empty: a CASH_DIVIDEND has none'],
    [
      'AAPL,SPLIT,2020-08-31,2,1,,a/b,,',
      'actionId: The action id "a/b" contains "/", which separates portfolio and instrument',
    ],
    ['AAPL,SPLIT,2020-08-31,2,1,,,,CANCEL', 'time: is empty: say when the action was taken back'],
  ])('says what is wrong: %s', (line, problem) => {
    expect(problems(only(line))).toEqual([problem]);
  });

  it('says what is wrong with a type or an ex time, and nothing that follows from it', () => {
    for (const line of ['AAPL,MERGER,2020-08-31,2,1,,,,', 'AAPL,SPLIT,soon,2,1,,,,'])
      expect(problems(only(line))).toHaveLength(1);
  });

  it('has an action once', () => {
    const rows = parse('corporate-actions', ACTIONS, ...Array(2).fill('AAPL,SPLIT,2020-08-31,2,1,,,,'));
    expect(problems(rows[1])).toEqual(['actionId: row 1 of this file has it already']);
  });
});

describe('a file of order books', () => {
  const BOOK = 'time,instrument,kind,sequence,bids,asks,firstSequence,previousSequence,epoch,depth';
  const only = (line: string) => parse('book', BOOK, line)[0];

  it('has an update a row', () => {
    const [whole, change] = parse(
      'book',
      BOOK,
      '2024-01-05T15:30:00Z,BTCUSD,SNAPSHOT,100,43999.5:2  43999:1.5,44000:0.7,,,7,10',
      '2024-01-05T15:30:00.1Z,BTCUSD,DELTA,105,43999.5:0,,102,100,7,',
    );
    expect(whole!.record).toEqual({
      eventTime: Date.UTC(2024, 0, 5, 15, 30) * 1000,
      instrument: 'BTCUSD',
      kind: 'SNAPSHOT',
      source: 'file:test',
      epoch: 7,
      firstSequence: null,
      sequence: 100,
      previousSequence: null,
      depth: 10,
      levels: [
        { side: 'BID', price: 43_999.5, size: 2 },
        { side: 'BID', price: 43_999, size: 1.5 },
        { side: 'ASK', price: 44_000, size: 0.7 },
      ],
    });
    expect(change!.record).toMatchObject({
      kind: 'DELTA',
      sequence: 105,
      firstSequence: 102,
      previousSequence: 100,
      depth: null,
      levels: [{ side: 'BID', price: 43_999.5, size: 0 }],
    });
  });

  it.each([
    ['2024-01-05,B,DELTA,1,1:NaN,,,,,', 'bids: is not price:size, a price above zero and a size from 0'],
    ['2024-01-05,B,DELTA,1,,0:1,,,,', 'asks: is not price:size, a price above zero and a size from 0'],
    ['2024-01-05,B,DELTA,1,,1:-1,,,,', 'asks: is not price:size, a price above zero and a size from 0'],
    ['2024-01-05,B,DELTA,1,,1:1:1,,,,', 'asks: is not price:size, a price above zero and a size from 0'],
    ['2024-01-05,B,DELTA,1,,1,,,,', 'asks: is not price:size, a price above zero and a size from 0'],
    ['2024-01-05,B,DELTA,1,,1e999:1,,,,', 'asks: is not price:size, a price above zero and a size from 0'],
    ['2024-01-05,B,DELTA,-1,,,,,,', 'sequence: is not a whole number from 0'],
    ['2024-01-05,B,DELTA,1.5,,,,,,', 'sequence: is not a whole number from 0'],
    ['2024-01-05,B,DELTA,07,,,,,,', 'sequence: is not a whole number from 0'],
    ['2024-01-05,B,DELTA,9007199254740993,,,,,,', 'sequence: is not a whole number from 0'],
    ['2024-01-05,B,BOOK,1,,,,,,', 'kind: expected SNAPSHOT or DELTA'],
  ])('says what is wrong: %s', (line, problem) => {
    expect(problems(only(line))).toEqual([problem]);
  });

  it('has an update once, but a snapshot and a change may have one number', () => {
    const line = (kind: string) => `2024-01-05,B,${kind},5,,,,,,`;
    const rows = parse('book', BOOK, line('DELTA'), line('SNAPSHOT'), line('DELTA'));
    expect(rows.map(problems)).toEqual([[], [], ['sequence: row 1 of this file has it already']]);
  });
});
