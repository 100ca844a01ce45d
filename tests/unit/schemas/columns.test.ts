import { afterEach, describe, expect, it } from 'vitest';
import { AVRO } from '#schemas/avro.ts';
import { columnsOf, isPlainList } from '#schemas/columns.ts';
import { lineWriter } from '#sinks/clickhouse/rows.ts';
import { tableColumns } from '#sinks/clickhouse/tables.ts';
import { INSERTS } from '#sinks/postgres/tables.ts';
import { riskMeasures } from '#tests/integration/risk-sample.ts';

const raw = { offset: 7, timestampMs: 0, key: null, value: null, headers: [] };
const columnOf = (field: string) => columnsOf('risk.measures').find((column) => column.field === field)!;
const typeOf = (name: string) => tableColumns('risk.measures').find((column) => column.name === name)!.type;

describe('a list in a schema', () => {
  const fields = AVRO['risk.measures'].fields as unknown[];
  const count = fields.length;
  afterEach(() => {
    fields.length = count;
  });

  it('is a column with the fields of its items', () => {
    expect(columnOf('shocks')).toMatchObject({ name: 'shocks', kind: 'list', nullable: false });
    expect(columnOf('shocks').items.map(({ name, kind, nullable }) => [name, kind, nullable])).toEqual([
      ['name', 'string', false],
      ['profit', 'double', true],
    ]);
    expect(isPlainList(columnOf('shocks'))).toBe(false);
    expect(isPlainList(columnOf('correlations'))).toBe(true);
  });

  it('is an array of named tuples in ClickHouse, or of scalars', () => {
    expect(typeOf('shocks')).toBe('Array(Tuple(name String, profit Nullable(Float64)))');
    expect(typeOf('contributions')).toContain('Array(Tuple(instrument LowCardinality(String), exposure Float64');
    expect(typeOf('correlations')).toBe('Array(Float64)');
  });

  it('that may be null has no form: ClickHouse would store it as an empty one', () => {
    fields.push({ name: 'more', type: ['null', { type: 'array', items: 'string' }] });
    expect(() => columnsOf('risk.measures')).toThrow('a list that may be null (more) has no form in a table');
  });
});

describe('a list in a row', () => {
  const value = {
    ...riskMeasures('p', 0),
    unpriced: ["it's", 'a\tb\\'],
    shocks: [
      { name: "'\n", profit: null },
      { name: '', profit: -1e-7 },
    ],
    sectors: [],
    correlations: [0.5, Number.NaN],
  };
  const cells = lineWriter('risk.measures')({ partition: 0, offset: 7, value, raw }).split('\t');
  const cell = (field: string) => cells[columnsOf('risk.measures').findIndex((column) => column.field === field)];

  it('has its texts in quotes for ClickHouse, escaped once, and NULL where there is none', () => {
    expect(cell('unpriced')).toBe("['it\\'s','a\\tb\\\\']");
    expect(cell('shocks')).toBe("[('\\'\\n',NULL),('',-1e-7)]");
    expect(cell('sectors')).toBe('[]');
    expect(cell('correlations')).toBe('[0.5,nan]');
  });

  it('is JSON for PostgreSQL, with text for what JSON has no number for', () => {
    const [{ parameters }] = INSERTS['risk.measures'] as [(typeof INSERTS)['risk.measures'][0]];
    const json = (field: string) => {
      const index = columnsOf('risk.measures').findIndex((column) => column.field === field);
      return parameters([{ partition: 0, offset: 7, value, raw }])[index];
    };
    expect(json('unpriced')).toEqual(['["it\'s","a\\tb\\\\"]']);
    expect(json('shocks')).toEqual(['[{"name":"\'\\n","profit":null},{"name":"","profit":-1e-7}]']);
    expect(json('sectors')).toEqual(['[]']);
    expect(json('correlations')).toEqual(['[0.5,"NaN"]']);
  });
});
