import { describe, expect, it } from 'vitest';
import { parseAddresses } from '#api/metrics/gather.ts';
import { mergeMetrics } from '#api/metrics/merge.ts';

const counter = (process: string, value: number) => `# HELP tidemark_records_total Records.
# TYPE tidemark_records_total counter
tidemark_records_total{topic="a",process="${process}"} ${value}
`;

describe('metrics of several processes on one page', () => {
  it('names each family once, with the samples of all', () => {
    const text = mergeMetrics([
      { process: 'one', text: counter('one', 1) },
      { process: 'two', text: `${counter('two', 2)}# HELP other Other.\n# TYPE other gauge\nother 5\n` },
    ]);
    expect(text).toBe(`# HELP tidemark_records_total Records.
# TYPE tidemark_records_total counter
tidemark_records_total{topic="a",process="one"} 1
tidemark_records_total{topic="a",process="two"} 2
# HELP other Other.
# TYPE other gauge
other{process="two"} 5
`);
  });

  it('keeps the buckets, sum and count of a histogram with their family', () => {
    const histogram = (n: number) => `# HELP h_ms H.
# TYPE h_ms histogram
h_ms_bucket{le="1"} ${n}
h_ms_bucket{le="+Inf"} ${n}
h_ms_sum ${n}
h_ms_count ${n}
`;
    const lines = mergeMetrics([
      { process: 'a', text: histogram(1) },
      { process: 'b', text: histogram(2) },
    ]).split('\n');
    expect(lines.filter((line) => line.startsWith('#'))).toHaveLength(2);
    expect(lines).toContain('h_ms_bucket{le="+Inf",process="b"} 2');
    expect(lines).toContain('h_ms_sum{process="a"} 1');
    expect(lines.slice(2, 10).every((line) => line.startsWith('h_ms_'))).toBe(true);
  });

  it('does not mix types under one name, and survives text that is no metric', () => {
    const text = mergeMetrics([
      { process: 'a', text: '# TYPE x counter\nx 1\n' },
      { process: 'b', text: '# TYPE x gauge\nx 2\n<html>\n\n# TYPE y gauge\n' },
    ]);
    expect(text).toBe('# TYPE x counter\nx{process="a"} 1\n');
  });

  it('keeps labels that hold braces, quotes and commas as they are', () => {
    const line = 'x{reason="a \\"b\\", {c}"} 1 1700000000000';
    expect(mergeMetrics([{ process: 'a', text: `# TYPE x gauge\n${line}` }])).toContain(
      'x{reason="a \\"b\\", {c}",process="a"} 1 1700000000000',
    );
  });
});

describe('TIDEMARK_STATUS_URLS', () => {
  it('is read as name=url, and a wrong entry is named', () => {
    expect(parseAddresses(['a=http://127.0.0.1:1/', 'b=http://127.0.0.1:2'])).toEqual([
      { name: 'a', url: 'http://127.0.0.1:1' },
      { name: 'b', url: 'http://127.0.0.1:2' },
    ]);
    expect(() => parseAddresses(['http://127.0.0.1:1'])).toThrow('expected name=url');
  });
});
