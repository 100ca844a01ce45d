import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const home = mkdtempSync(join(tmpdir(), 'tidemark-main-'));
afterAll(() => rmSync(home, { recursive: true }));

function tidemark(args: string, env: Record<string, string> = {}) {
  const { PATH } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['ops/cli/main.ts', ...args.split(' ')], {
    encoding: 'utf8',
    env: { PATH, TIDEMARK_HOME: home, ...env },
  });
  return { status, stdout, stderr };
}

describe('tidemark', { timeout: 60_000 }, () => {
  it('says its version and helps with examples', () => {
    expect(tidemark('--version')).toEqual({ status: 0, stdout: '0.1.0\n', stderr: '' });
    const { status, stdout } = tidemark('--help');
    expect(status).toBe(0);
    expect(stdout).toContain('tidemark ingest trades trades.csv.gz');
    expect(tidemark('ingest fills --help').stdout).toContain('a time without a zone is UTC');
  });

  it.each([
    ['ingst trades x.csv', '(Did you mean ingest?)'],
    ['ingest trade x.csv', '(Did you mean trades?)'],
    ['export market.trades --formt csv', '(Did you mean --format?)'],
    ['export market.trades --format xml', 'Allowed choices are jsonl, csv, parquet'],
    ['export market.trades --limit 0', 'Expected a whole number of 1 or more'],
    ['export market.trades --from soon', 'soon expected ISO 8601'],
    ['export', "missing required argument 'topic'"],
    ['dead-letters lst', '(Did you mean list?)'],
    ['dead-letters replay positions', 'say which letters to replay: offsets, or --code, or --all'],
    ['dead-letters replay positions 3 --all', 'say which letters to replay: offsets, or --code, or --all'],
    ['dead-letters replay positions 9-3', '"9-3" is not an offset, such as 12, nor a range'],
    ['limits lst', '(Did you mean list?)'],
    ['limits set x --portfolio p --by a --type leverag --threshold 1 --severity HARD', '; did you mean leverage?'],
    ['limits set x --portfolio p --by a --type leverage --threshold 1 --severity hrd', 'Allowed choices are HARD'],
    ['switch halted --by a', "required option '--reason <text>' not specified"],
    ['replay bars --st window=3', '(Did you mean --set?)'],
    ['replay', "missing required argument 'topology'"],
    ['start --speed fast', 'Expected a number of 0 or more'],
    ['start --port 70000', 'at most 65535'],
  ])('answers %s with what is right, exit code 2', (args, hint) => {
    const { status, stderr } = tidemark(args);
    expect([status, stderr]).toEqual([2, expect.stringContaining(hint)]);
  });

  it('tells what can be limited, without a running system', () => {
    const { status, stdout } = tidemark('limits types');
    expect([status, stdout]).toEqual([0, expect.stringContaining('value-at-risk')]);
    expect(tidemark('limits list --portfolio p').stderr).toBe('No running Tidemark found: start one with npm start\n');
  });

  it('fails with one sentence, and with the stack when asked', () => {
    expect(tidemark('topics')).toEqual({
      status: 1,
      stdout: '',
      stderr: 'No running Tidemark found: start one with npm start\n',
    });
    expect(tidemark('topics --verbose').stderr).toMatch(/No running Tidemark found.*\n\s+at /);
    expect(tidemark('topics', { KAFKA_BROKERS: 'localhost:1' }).stderr).toBe(
      'No running Tidemark found: KAFKA_BROKERS is set, SCHEMA_REGISTRY_URL is not\n',
    );
    expect(tidemark('topics', { TIDEMARK_PORT: '1' }).stderr).toContain('TIDEMARK_PORT is not a setting');
  });

  it('describes topologies as text and as Mermaid', () => {
    const { stdout } = tidemark('describe');
    expect(stdout).toContain('Topology: positions (version 2)');
    expect(stdout).toContain('Topology: portfolio (version 3)');
    expect(tidemark('describe portfolio --mermaid').stdout).toMatch(/^flowchart LR\n/);
    expect(tidemark('describe positons')).toMatchObject({
      status: 1,
      stderr: 'There is no topology "positons"; did you mean positions?\n',
    });
    expect(tidemark('replay bars --from 2009-01-01 --to 2008-01-01').stderr).toContain('is after --to 2008-01-01');
    expect(tidemark('replay --help').stdout).toContain('trading days of history (default: 500)');
  });

  it('does not ask a machine before a reset', () => {
    expect(tidemark('reset')).toMatchObject({ status: 0, stdout: `There is nothing to remove in ${home}.\n` });
  });
});
