import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { RejectsFile } from '#connectors/file/rejects.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-rejects-'));
const path = join(folder, 'rejects.csv');
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => rmSync(path, { force: true }));

const bad = (line: number) => ({
  number: line - 1,
  line,
  record: null,
  problems: [{ column: 'price', value: 'a "1", or 2', reason: 'is not a number' }],
});

describe('a file of rejects', () => {
  it('has a line for every problem, and comes into place when it is whole', () => {
    const rejects = new RejectsFile(path);
    rejects.add(bad(7));
    rejects.add(bad(9));
    expect(existsSync(path)).toBe(false);
    rejects.finish();
    expect(readFileSync(path, 'utf8')).toBe(
      'line,column,value,reason\n7,price,"a ""1"", or 2",is not a number\n9,price,"a ""1"", or 2",is not a number\n',
    );
  });

  it('takes the place of an earlier one, and none when nothing is wrong', () => {
    for (const lines of [[7, 8], [9], []]) {
      const rejects = new RejectsFile(path);
      for (const line of lines) rejects.add(bad(line));
      rejects.finish();
      expect(existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 2 : 0).toBe(lines.length);
    }
  });

  it('leaves the earlier one alone when the file could not be read to its end', () => {
    const first = new RejectsFile(path);
    first.add(bad(7));
    first.finish();
    const before = readFileSync(path, 'utf8');
    const second = new RejectsFile(path);
    second.add(bad(8));
    second.abandon();
    expect([readFileSync(path, 'utf8'), existsSync(`${path}.new`)]).toEqual([before, false]);
  });

  it('never takes the place of anything else', () => {
    writeFileSync(path, 'time,instrument,price\n');
    expect(() => new RejectsFile(path)).toThrow('is not a file of rejects');
    const nothing = new RejectsFile('/dev/null');
    nothing.add(bad(7));
    nothing.finish();
    new RejectsFile('/dev/null').finish();
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });
});
