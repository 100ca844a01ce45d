import { describe, expect, it } from 'vitest';
import { insertFromFile, outputFormat, preparation, statusOf } from '#ops/embedded/clickhouse/request.ts';

describe('an INSERT whose rows are in the body', () => {
  const rewritten = (sql: string, format: string | null = null) => insertFromFile(sql, '/spool/x', format);

  it('reads them from a file, in the format it names', () => {
    expect(rewritten('INSERT INTO t FORMAT JSONEachRow')).toBe(
      "INSERT INTO t FROM INFILE '/spool/x' COMPRESSION 'none' FORMAT JSONEachRow",
    );
    expect(rewritten('insert into `a b`.t (x, `y FORMAT z`)\nformat CSVWithNames ;\n')).toBe(
      "insert into `a b`.t (x, `y FORMAT z`) FROM INFILE '/spool/x' COMPRESSION 'none' FORMAT CSVWithNames",
    );
  });

  it('keeps its settings, and takes Values or the default where no format is named', () => {
    expect(rewritten("INSERT INTO t SETTINGS insert_deduplication_token='a SETTINGS b' FORMAT TSV")).toBe(
      "INSERT INTO t FROM INFILE '/spool/x' COMPRESSION 'none' SETTINGS insert_deduplication_token='a SETTINGS b' FORMAT TSV",
    );
    expect(rewritten('INSERT INTO t VALUES')).toMatch(/^INSERT INTO t FROM INFILE .* FORMAT Values$/);
    expect(rewritten('INSERT INTO t', 'RowBinary')).toMatch(/FORMAT RowBinary$/);
  });

  it('leaves alone what carries its own rows or is no INSERT', () => {
    for (const sql of [
      'INSERT INTO t VALUES (1)',
      'INSERT INTO t FORMAT JSONEachRow {"a":1}',
      'INSERT INTO t SELECT 1',
      "SELECT 'INSERT INTO t'",
      '',
    ]) {
      expect(rewritten(sql), sql).toBeNull();
    }
  });
});

describe('the state of a query', () => {
  it('takes settings and parameters from the URL, quoted, and the protocol’s own names not', () => {
    const parameters = new URLSearchParams({
      query: 'SELECT 1',
      database: 'my`db',
      param_x: "it's \\n",
      max_threads: '1',
      wait_end_of_query: '1',
      enable_http_compression: '1',
      'x = 1; DROP TABLE t --': '1',
    });
    expect(preparation(parameters, true, null)).toEqual([
      'USE `my\\`db`',
      "SET param_x = 'it\\'s \\\\n', max_threads = '1'",
      'SET readonly = 2',
    ]);
    expect(preparation(new URLSearchParams(), false, null)).toEqual([]);
  });

  it('finds the format that the query asks for', () => {
    expect(outputFormat("SELECT 'FORMAT x' FORMAT JSON SETTINGS max_threads = 1;", 'TSV')).toBe('JSON');
    expect(outputFormat("SELECT ' FORMAT JSON'", 'TSV')).toBe('TSV');
  });

  it('gives the statuses of a server', () => {
    expect([60, 62, 159, 164, 241].map(statusOf)).toEqual([404, 400, 408, 403, 500]);
  });
});
