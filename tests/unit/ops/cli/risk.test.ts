import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { readReturns } from '#ops/cli/returns-file.ts';
import { confidence, holdingsOf, weights } from '#ops/cli/risk.ts';
import { Random } from '#streams/kit/random.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-risk-'));
afterAll(() => rmSync(folder, { recursive: true }));
function file(content: string | Buffer): string {
  const path = join(folder, 'returns.csv');
  writeFileSync(path, content);
  return path;
}
const TWO = 'date,AAPL,KO\n2024-01-02,0.01,-0.02\n2024-01-03,-0.03,0.04\n';

describe('a file of returns', () => {
  it('is read, plain or gzip, with or without a last line ending', async () => {
    for (const content of [TWO, TWO.trimEnd(), TWO.replaceAll('\n', '\r\n'), gzipSync(TWO)]) {
      const { dates, columns } = await readReturns(file(content));
      expect(dates).toEqual(['2024-01-02', '2024-01-03']);
      expect(columns.map(({ name, returns }) => [name, [...returns]])).toEqual([
        ['AAPL', [0.01, -0.03]],
        ['KO', [-0.02, 0.04]],
      ]);
    }
  });

  it.each([
    ['', 'line 1: there are no rows'],
    ['date,return\n', 'line 1: there are no rows'],
    ['day,return\n2024-01-02,0.1', 'line 1: expected a header'],
    ['date,A,A\n2024-01-02,0.1,0.1', 'line 1: column "A" is there twice'],
    ['date,return\n2024-13-02,0.1', 'line 2: "2024-13-02" is no day'],
    ['date,return\n2024-01-02,1.5%', 'line 2: return is "1.5%": expected a number, 0.0123 for 1.23 %'],
    ['date,return\n2024-01-02,NaN', 'line 2: return is "NaN"'],
    ['date,return\n2024-01-02,0.1,0.2', 'line 2: 3 cells, the header has 2'],
    ['date,return\n2024-01-02,0.1\n2024-01-02,0.1', 'line 3: 2024-01-02 does not come after 2024-01-02'],
  ])('that is %j is refused by line', async (content, reason) => {
    await expect(readReturns(file(content))).rejects.toThrow(
      expect.objectContaining({ code: 'RETURNS_INVALID', message: expect.stringContaining(reason) }),
    );
  });

  it('shows the first mistakes and counts the rest', async () => {
    const rows = Array.from({ length: 9 }, (_, index) => `2024-01-0${index + 1},x`);
    await expect(readReturns(file(['date,return', ...rows].join('\n')))).rejects.toThrow(/line 6:.*\n.*and 4 more/);
  });

  it('asks whether a jump is a split', async () => {
    const { warnings } = await readReturns(file('date,return\n2024-01-02,-0.75\n'));
    expect(warnings).toEqual(['2024-01-02 return: a return of -75.0 %. Is it a split, or a percentage?']);
  });
});

describe('what is held', () => {
  it('is the column itself, or its instruments by weight and value', async () => {
    const two = await readReturns(file(TWO));
    const { profits, exposures } = holdingsOf(two, { weights: weights('AAPL=0.5, KO=-1'), value: 100 });
    expect([...exposures]).toEqual([50, -100]);
    expect(profits[0]).toBeCloseTo(2.5, 12);
    const last = holdingsOf(two, { weights: weights('KO=1'), value: 1, window: 1 });
    expect([...last.profits]).toEqual([0.04]);
  });

  it('must be said of several columns, by names that the file has, within its length', async () => {
    const two = await readReturns(file(TWO));
    expect(() => holdingsOf(two, { value: 1 })).toThrow(/--weights AAPL=0.5,KO=0.5/);
    expect(() => holdingsOf(two, { weights: weights('MSFT=1'), value: 1 })).toThrow(/no column is called MSFT/);
    expect(() => holdingsOf(two, { weights: weights('KO=1'), value: 1, window: 3 })).toThrow(/the file has 2 rows/);
  });

  it.each(['AAPL', 'AAPL=x', 'AAPL=1,AAPL=2', '=1'])('is not "%s"', (text) => {
    expect(() => weights(text)).toThrow();
  });
});

it('takes a level as a share of one, and says what 99 should be', () => {
  expect(confidence('0.99')).toBe(0.99);
  expect(() => confidence('99')).toThrow('Write 0.99 for 99 %.');
  for (const text of ['1', '0.4', '', 'high']) expect(() => confidence(text)).toThrow('Expected a level');
});

describe('tidemark risk --monte-carlo', { timeout: 60_000 }, () => {
  const random = new Random('risk command');
  const rows = Array.from({ length: 400 }, (_, day) => {
    const date = new Date(day * 86_400_000).toISOString().slice(0, 10);
    return `${date},${(0.01 * random.normal()).toFixed(6)},${(0.02 * random.normal()).toFixed(6)}`;
  });
  const run = (how: string, env: Record<string, string> = {}) => {
    const returns = file(['date,AAPL,KO', ...rows].join('\n'));
    const args = `risk --returns ${returns} --weights AAPL=0.7,KO=0.3 --method monte-carlo --paths 200000 ${how} --json`;
    const { PATH } = process.env;
    const { status, stdout } = spawnSync(process.execPath, ['ops/cli/main.ts', ...args.split(/ +/)], {
      encoding: 'utf8',
      env: { PATH, ...env },
    });
    return { status, output: JSON.parse(stdout) };
  };

  it('says the same by the ONNX graph as in TypeScript, but for the sample', () => {
    const [typescript, onnx] = [run('--monte-carlo typescript'), run('--monte-carlo onnx')];
    expect([typescript.status, onnx.status]).toEqual([0, 0]);
    expect([typescript.output.monteCarlo, onnx.output.monteCarlo]).toEqual(['typescript', 'onnx']);
    for (const [index, measure] of onnx.output.measures.entries()) {
      const other = typescript.output.measures[index];
      expect(measure).toMatchObject({ sampling: 'full-cholesky', paths: 200_000, problem: null });
      // A standard error at 99 % is 0.6 % of VaR, on either side.
      expect(Math.abs(measure.valueAtRisk / other.valueAtRisk - 1)).toBeLessThan(0.03);
      expect(measure.valueAtRisk).not.toBe(other.valueAtRisk);
    }
    expect(run('').output.measures).toEqual(typescript.output.measures);
  });

  it('names the problem where its execution provider is not there', () => {
    const { status, output } = run('--monte-carlo onnx', { TIDEMARK_ONNX_PROVIDERS: 'rocm,cpu' });
    expect(status).toBe(1);
    expect(output.measures[0]).toMatchObject({ valueAtRisk: null, problem: { code: 'PROVIDER_UNKNOWN' } });
  });
});
