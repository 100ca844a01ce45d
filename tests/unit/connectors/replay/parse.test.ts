import { describe, expect, it } from 'vitest';
import { loadHistory } from '#connectors/replay/history.ts';
import { closeMicros, parseHistory, tradesOf } from '#connectors/replay/parse.ts';
import { INSTRUMENTS, REFERENCE_MICROS } from '#connectors/replay/reference.ts';
import { AVRO } from '#schemas/avro.ts';
import { avroType } from '#streams/kit/avro.ts';

const CLOSES_HEADER = ['date', ...INSTRUMENTS.map((one) => one.instrument).filter((name) => name !== 'NASDAQ')].join(
  ',',
);
const NASDAQ_HEADER = 'date,open,high,low,close,volume';
const closesRow = (date: string, price: string) => [date, ...Array(26).fill(price)].join(',');
const history = loadHistory();

describe('the shipped history', () => {
  it('has every trading day from 1990 to 2022 once, in order', () => {
    expect(history.length).toBe(8313);
    expect(history[0]!.date).toBe('1990-01-02');
    expect(history.at(-1)!.date).toBe('2022-12-28');
    expect(history.every((day, index) => index === 0 || history[index - 1]!.date < day.date)).toBe(true);
  });

  it('holds the figures of the originals digit by digit', () => {
    const day = (date: string) => history.find((one) => one.date === date)!.closes;
    expect(day('1990-01-03').get('AMD')).toEqual({ price: '4.0', volume: null });
    expect(day('2022-12-28').get('XOM')!.price).toBe('106.627');
    expect(day('1990-01-02').get('SP500')!.price).toBe('359.69');
    expect(day('2014-01-02').get('VLUE')!.price).toBe('47.054');
    expect(day('1999-01-04').get('NASDAQ')).toEqual({ price: '2208.050049', volume: '936660000' });
  });

  it('starts each series where its source starts and never has a hole in the stocks', () => {
    const first = (instrument: string) => history.find((day) => day.closes.has(instrument))!.date;
    expect(first('MTUM')).toBe('2014-01-02');
    expect(first('NASDAQ')).toBe('1999-01-04');
    expect(history.every((day) => day.closes.has('AAPL') && day.closes.has('SP500'))).toBe(true);
    const trades = history.reduce((sum, day) => sum + day.closes.size, 0);
    expect(trades).toBe(8313 * 21 + 2264 * 5 + 5031);
  });

  it('has a positive price and a size above zero, or none, in every trade', () => {
    const trades = history.flatMap(tradesOf);
    expect(trades.filter(({ price, size }) => !(price > 0 && price < 1e5 && (size === null || size > 0)))).toEqual([]);
  });
});

describe('tradesOf', () => {
  it('makes a trade of each close at 16:00 in New York, with the source and NASDAQ’s volume', () => {
    const trades = tradesOf(history.find((day) => day.date === '2014-01-02')!);
    expect(trades).toHaveLength(27);
    expect(trades.find((trade) => trade.instrument === 'MTUM')).toEqual({
      eventTime: Date.parse('2014-01-02T21:00:00Z') * 1000,
      instrument: 'MTUM',
      price: 52.704,
      size: null,
      source: 'skfolio:factors',
      sequence: null,
    });
    const nasdaq = trades.find((trade) => trade.instrument === 'NASDAQ')!;
    expect(nasdaq.size).toBeGreaterThan(1e9);
    expect(nasdaq.source).toBe('arch:nasdaq');
    const type = avroType(AVRO['market.trades'] as never);
    expect(type.fromBuffer(type.toBuffer(nasdaq))).toEqual(nasdaq);
  });

  it('gives no size where the source printed a volume of 0', () => {
    const trades = tradesOf(history.find((day) => day.date === '2015-05-12')!);
    expect(trades.find((trade) => trade.instrument === 'NASDAQ')!.size).toBeNull();
  });
});

describe('closeMicros', () => {
  it.each([
    ['1990-01-02', '21:00'], // standard time
    ['1990-04-06', '20:00'], // the week after the first Sunday of April, the rule until 2006
    ['2006-03-20', '21:00'],
    ['2007-03-12', '20:00'], // the day after the second Sunday of March, the rule from 2007
    ['2007-10-29', '20:00'], // until 2006 this was standard time
    ['2007-11-05', '21:00'],
    ['2006-10-30', '21:00'],
  ])('%s closes at %s UTC', (date, utc) => {
    expect(closeMicros(date)).toBe(Date.parse(`${date}T${utc}:00Z`) * 1000);
  });
});

describe('parseHistory', () => {
  it('refuses a file that is not ours, naming what is wrong', () => {
    const nasdaq = `${NASDAQ_HEADER}\n`;
    expect(() => parseHistory('date,AAPL\n', nasdaq)).toThrow(/starts with "date,AAPL"/);
    expect(() => parseHistory(`${CLOSES_HEADER}\n1990-01-02,1\n`, nasdaq)).toThrow(/line 2 has 2 columns/);
    const twice = `${CLOSES_HEADER}\n${closesRow('1990-01-02', '1')}\n${closesRow('1990-01-02', '1')}\n`;
    expect(() => parseHistory(twice, nasdaq)).toThrow(/line 3 is out of order/);
  });

  it('leaves out an empty cell', () => {
    const [day] = parseHistory(`${CLOSES_HEADER}\n${closesRow('1990-01-02', '')}\n`, `${NASDAQ_HEADER}\n`);
    expect(day!.closes.size).toBe(0);
  });
});

describe('reference data', () => {
  it('describes every instrument of the history once, before the first trade', () => {
    const names = INSTRUMENTS.map((one) => one.instrument);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(history.flatMap((day) => [...day.closes.keys()]))).toEqual(new Set(names));
    expect(REFERENCE_MICROS).toBeLessThan(closeMicros('1990-01-02'));
    const type = avroType(AVRO['reference.instruments'] as never);
    for (const one of INSTRUMENTS) expect(type.fromBuffer(type.toBuffer(one))).toEqual(one);
  });

  it('gives the twenty stocks a sector and nothing else', () => {
    const withSector = INSTRUMENTS.filter((one) => one.sector !== null);
    expect(withSector).toHaveLength(20);
    expect(withSector.every((one) => one.assetClass === 'EQUITY')).toBe(true);
  });
});
