import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AVRO } from '#schemas/avro.ts';
import { databaseOf } from '#sinks/clickhouse/client.ts';
import { statements } from '#sinks/clickhouse/migrate.ts';
import { escapeText, lineWriter, timestampText } from '#sinks/clickhouse/rows.ts';
import { CLICKHOUSE_TOPICS, tableColumns } from '#sinks/clickhouse/tables.ts';

const raw = { offset: 7, timestampMs: 0, key: null, value: null, headers: [] };

describe('the ClickHouse schema', () => {
  it('describes every column of every table and view', () => {
    for (const statement of statements().filter((sql) => /^CREATE/.test(sql))) {
      const body = statement.slice(statement.indexOf('(') + 1, statement.search(/\n\)/)).trim();
      const columns = body.split(/,\n\s*/);
      expect(columns.length).toBeGreaterThan(3);
      for (const column of columns) expect(column, statement.slice(0, 60)).toMatch(/^\w+ .+ COMMENT '.{4,}'$/s);
    }
  });

  it('has a column for every field of the Avro schemas', () => {
    for (const topic of CLICKHOUSE_TOPICS) {
      expect(tableColumns(topic)).toHaveLength(AVRO[topic].fields.length + 3);
    }
  });

  it('counts no record twice: views read deduplicated rows, and no materialized view reads a raw table', () => {
    for (const statement of statements()) {
      expect(statement).not.toMatch(/MATERIALIZED/i);
      if (/_raw\b/.test(statement) && /VIEW/.test(statement)) expect(statement).toMatch(/_raw FINAL/);
    }
  });

  it('goes into the database that the URL names', () => {
    expect(databaseOf('http://localhost:8123')).toBe('tidemark');
    expect(databaseOf('http://localhost:8123/')).toBe('tidemark');
    expect(databaseOf('http://u:p@localhost:8123/my%20risk')).toBe('my risk');
  });
});

describe('a row', () => {
  it('carries every digit, and ends with its position', () => {
    const fill = {
      eventTime: 631_317_600_000_001,
      fillId: 'a\tb\\c\nd',
      action: 'NEW',
      portfolio: 'p',
      instrument: 'I',
      side: 'SELL',
      quantity: 12_345_678_901_234_567_890_123_456_789n,
      price: 1n,
      commission: -1_500_000_000n,
      orderId: null,
      venue: '',
    };
    expect(lineWriter('orders.fills')({ partition: 3, offset: 7, value: fill, raw })).toBe(
      '1990-01-02 22:00:00.000001\ta\\tb\\\\c\\nd\tNEW\tp\tI\tSELL\t12345678901234567890.123456789\t0.000000001\t-1.5\t\\N\t\torders.fills\t3\t7\n',
    );
  });

  it('writes doubles that no number is', () => {
    const trade = { eventTime: 0, instrument: 'I', price: Number.NaN, size: -Infinity, source: 's', sequence: null };
    expect(lineWriter('market.trades')({ partition: 0, offset: 0, value: trade, raw })).toContain(
      '\tI\tnan\t-inf\ts\t\\N\t',
    );
  });

  it('refuses what ClickHouse would store as something else', () => {
    expect(() => timestampText(Date.UTC(1899, 11, 31) * 1000)).toThrow(/before the year 1900/);
    const cash = { eventTime: 0, cashId: 'c', portfolio: 'p', amount: 0n, source: 's' };
    const fill = {
      ...cash,
      fillId: 'f',
      action: 'NEW',
      instrument: 'I',
      side: 'BUY',
      price: 1n,
      commission: 0n,
      orderId: null,
      venue: 'v',
    };
    const write = lineWriter('orders.fills');
    expect(() => write({ partition: 0, offset: 0, value: { ...fill, quantity: 10n ** 38n }, raw })).toThrow(
      /quantity: .*38 digits/,
    );
  });

  it('gives every microsecond its own text', () => {
    const first = Date.UTC(1900, 0, 1) * 1000;
    fc.assert(
      fc.property(fc.integer({ min: first, max: Number.MAX_SAFE_INTEGER }), (micros) => {
        const [seconds, fraction] = timestampText(micros).split('.');
        expect(BigInt(Date.parse(`${seconds!.replace(' ', 'T')}Z`)) * 1000n + BigInt(fraction!)).toBe(BigInt(micros));
      }),
    );
  });

  it('escapes text so that no tab or line end is left', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('\t', '\n', '\r', '\0', '\\', 't', 'é', '😀') }), (value) => {
        const escaped = escapeText(value);
        expect(escaped).not.toMatch(/[\t\n\r\0]/);
        const letters: Record<string, string> = { t: '\t', n: '\n', r: '\r', 0: '\0', '\\': '\\' };
        expect(escaped.replace(/\\(.)/g, (_, letter: string) => letters[letter]!)).toBe(value);
      }),
    );
  });
});
