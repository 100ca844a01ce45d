import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AVRO } from '#schemas/avro.ts';
import { REGIME_VIEWS } from '#sinks/clickhouse/views-regimes.ts';

interface Cell {
  readonly cell_type: 'code' | 'markdown';
  readonly source: string | readonly string[];
  readonly outputs?: readonly unknown[];
  readonly execution_count?: number | null;
}

const folder = join(import.meta.dirname, '../../notebooks');
const { cells } = JSON.parse(readFileSync(join(folder, 'regimes.ipynb'), 'utf8')) as { cells: readonly Cell[] };
const codes = cells.filter(({ cell_type }) => cell_type === 'code').map(({ source }) => [source].flat().join(''));
const helper = readFileSync(join(folder, 'tidemark_data.py'), 'utf8');

/** Executing it takes a running system and the packages of requirements.txt: notebooks/run.py. */
describe('the notebook of regimes', () => {
  it('is shipped without outputs, and with words before each piece of code', () => {
    expect(codes.length).toBeGreaterThan(5);
    for (const { outputs, execution_count } of cells.filter(({ cell_type }) => cell_type === 'code'))
      expect([outputs, execution_count]).toEqual([[], null]);
    for (const [index, { cell_type }] of cells.entries())
      if (cell_type === 'code') expect(cells[index - 1]?.cell_type).toBe('markdown');
  });

  it('is Python, and so are its scripts', () => {
    const scripts = readdirSync(folder).filter((name) => name.endsWith('.py'));
    expect(scripts).toContain('tidemark_data.py');
    const sources = [...codes, ...scripts.map((name) => readFileSync(join(folder, name), 'utf8'))];
    const check = 'import json, sys\nfor source in json.load(sys.stdin): compile(source, "cell", "exec")';
    const { status, stderr } = spawnSync('python3', ['-c', check], {
      input: JSON.stringify(sources),
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  });

  it('asks for what topics and views have', () => {
    const text = codes.join('\n');
    const topics = [...text.matchAll(/read_topic\(\w+, "([^"]+)"/g)].map((match) => match[1]!);
    expect(topics).toEqual(['market.regimes', 'market.returns']);
    expect(topics.every((topic) => Object.hasOwn(AVRO, topic))).toBe(true);
    const view = REGIME_VIEWS.find(({ name }) => name === 'regimes_latest')!;
    const selected = [...text.matchAll(/SELECT ([^*]+?)\s+FROM regimes_latest/g)].map((match) => match[1]!);
    expect(selected).toHaveLength(3);
    const [first] = selected;
    const columns = view.columns.map(({ name }) => name);
    for (const name of first!.split(',')) expect(columns).toContain(name.trim());
    // The decoder's enum and the helper's colours are of the same six.
    const regime = AVRO['market.regimes'].fields.find(({ name }) => name === 'regime')!;
    const { symbols } = regime.type as unknown as { symbols: readonly string[] };
    const painted = [...helper.matchAll(/"([A-Z_]+)": "#[0-9a-f]{6}"/g)].map((match) => match[1]!);
    expect(painted.sort()).toEqual([...symbols].sort());
  });
});
