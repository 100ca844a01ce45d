import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { IndicatorSet } from '#quant/indicators/set.ts';
import { parseIndicator } from '#quant/indicators/spec.ts';
import { INDICATORS } from '#quant/indicators/table.ts';
import { type BarColumns, candles, generated, nasdaq } from './indicator-series.ts';

interface Sample {
  readonly first: number;
  readonly at?: readonly number[];
  readonly values?: readonly number[];
  /** Of a pattern: where it is not zero (evenly chosen), and how often in all; the same of `candles`. */
  readonly nonzero?: readonly (readonly [number, number])[];
  readonly count?: number;
  readonly candles?: {
    readonly count: number;
    readonly sum: number;
    readonly sample: readonly (readonly [number, number])[];
  };
}
interface Case {
  readonly name: string;
  readonly parameters: readonly number[];
  readonly lookback: number;
  readonly outputs: readonly string[];
  readonly real: readonly Sample[];
  readonly million: readonly (readonly number[])[];
}

const folder = new URL('.', import.meta.url);
const cases = readdirSync(folder)
  .filter((name) => /^indicators-.*\.json$/.test(name))
  .flatMap((name) => (JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as { cases: Case[] }).cases);

const textOf = ({ name, parameters }: Case) => `${name}(${parameters.join(',')})`;

const ALL = cases.map(textOf);

/** All values of all cases in one pass, a row an output; from bar `from` on. By text. */
function stream(
  { open, high, low, close, volume }: BarColumns,
  texts: readonly string[],
  from = 0,
): Map<string, Float64Array[]> {
  const specs = texts.map(parseIndicator);
  const set = new IndicatorSet(specs);
  const rows = set.names.map(() => new Float64Array(open.length - from));
  for (let index = 0; index < open.length; index++) {
    set.update(open[index]!, high[index]!, low[index]!, close[index]!, volume[index]!);
    if (index < from) continue;
    for (let row = 0; row < rows.length; row++) rows[row]![index - from] = set.values[row]!;
  }
  let next = 0;
  return new Map(
    specs.map(({ definition: { outputs } }, index) => {
      next += outputs.length;
      return [texts[index]!, rows.slice(next - outputs.length, next)] as const;
    }),
  );
}
const nonzero = (values: Float64Array) =>
  [...values.entries()].filter(([, value]) => value !== 0 && !Number.isNaN(value));

/** Relative to the value, or where it is a small difference of large numbers to what the output reaches otherwise. */
function expectClose(actual: number, expected: number, scale: number, what: string): void {
  const error = Math.abs(actual - expected) / Math.max(Math.abs(expected), 1e-3 * scale, 1e-12);
  expect(error, `${what}: ${actual}, TA-Lib has ${expected}`).toBeLessThan(1e-9);
}

describe('indicators equal TA-Lib', () => {
  const LAST = 10;
  let ofReal: Map<string, Float64Array[]>;
  let ofMillion: Map<string, Float64Array[]>;
  let ofCandles: Map<string, Float64Array[]>;
  beforeAll(() => {
    ofReal = stream(nasdaq(), ALL);
    ofMillion = stream(generated(1_000_000), ALL, 1_000_000 - LAST);
    const patterns = cases.filter(({ name }) => name.startsWith('CDL')).map(textOf);
    ofCandles = stream(candles(), patterns);
  }, 300_000);

  it('every one of the table, with its defaults', () => {
    const texts = INDICATORS.map(({ name, parameters }) => `${name}(${parameters.map((p) => p.default).join(',')})`);
    expect(texts.filter((text) => !ALL.includes(text))).toEqual([]);
    expect(new Set(texts).size).toBe(texts.length);
  });

  it.each(cases.map((entry) => [textOf(entry), entry] as const))('%s on real bars', (text, entry) => {
    const { definition, parameters } = parseIndicator(text);
    expect(definition.outputs).toEqual(entry.outputs);
    expect(definition.lookback(parameters)).toBe(entry.lookback);
    entry.real.forEach((sample, row) => {
      const calculated = ofReal.get(text)![row]!;
      expect(calculated.findIndex((value) => !Number.isNaN(value))).toBe(sample.first);
      if (sample.nonzero) expectPattern(nonzero(calculated), sample.nonzero, sample.count!);
      else expectSample(calculated, sample, entry.outputs[row]!);
    });
  });

  it.each(cases.map((entry) => [textOf(entry), entry] as const))('%s after a million bars', (text, entry) => {
    entry.million.forEach((values, row) => {
      const scale = Math.max(...values.map(Math.abs));
      values.forEach((value, index) => {
        const calculated = ofMillion.get(text)![row]![LAST - values.length + index]!;
        expectClose(calculated, value, scale, `${entry.outputs[row]} of bar ${index - values.length}`);
      });
    });
  });

  it.each(cases.filter(({ real }) => real[0]!.candles).map((entry) => [textOf(entry), entry] as const))(
    '%s in candles of every shape',
    (text, entry) => {
      const found = nonzero(ofCandles.get(text)![0]!);
      const { count, sum, sample } = entry.real[0]!.candles!;
      expect(count).toBeGreaterThan(0);
      expectPattern(found, sample, count);
      expect(found.reduce((total, [, value]) => total + value, 0)).toBe(sum);
    },
  );
});

function expectPattern(
  found: readonly (readonly [number, number])[],
  sample: readonly (readonly [number, number])[],
  count: number,
): void {
  const all = new Map(found);
  expect(sample.map(([place]) => [place, all.get(place)])).toEqual(sample);
  expect(found.length).toBe(count);
}
function expectSample(calculated: Float64Array, { at, values }: Sample, what: string): void {
  const scale = Math.max(...values!.map(Math.abs));
  at!.forEach((place, index) => {
    expectClose(calculated[place]!, values![index]!, scale, `${what} of bar ${place}`);
  });
}
