import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { METADATA_KEY, parseMetadata, readModel } from '#ml/model/metadata.ts';
import { metadataProps } from '#ml/model/onnx-file.ts';

const FILE = readFileSync(join(import.meta.dirname, '../../../golden/onnx/falls-logistic.onnx'));
const TEXT = metadataProps(FILE).get(METADATA_KEY)!;
const refusal = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('it was taken');
};
type Json = Record<string, unknown>;
/** The metadata with one field, by its path, changed, or left out where `value` is undefined. */
function changed(path: string, value: unknown): string {
  const json = JSON.parse(TEXT) as Json;
  const names = path.split('.');
  const last = names.pop()!;
  let at = json;
  for (const name of names) at = at[name] as Json;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return JSON.stringify(json);
}

describe("a model's metadata", () => {
  it.each([
    'format name features outputs missing training training.from training.to training.labelsUntil training.rows dataSha256 label metrics',
    'metrics.inSample metrics.outOfSample calibration calibration.method calibration.rows calibration.error packages seed madeAt',
    'reference reference.blockMicros reference.columns reference.columns.0.mean reference.columns.0.quantiles',
  ])('are refused without any of %s', (paths) => {
    for (const path of paths.split(' ')) {
      const { code, message } = refusal(() => parseMetadata(changed(path, undefined)));
      expect(code, path).toBe('METADATA_MISSING');
      expect(message).toContain(path.replace('.0.', '[0].'));
    }
  });

  it.each([
    ['format', 2],
    ['name', 'Breach'],
    ['name', '../evil'],
    ['features', []],
    ['features', ['a', 'a']],
    ['features', 'a'],
    ['outputs', ['return1']],
    ['missing', 'ignored'],
    ['training', null],
    ['training.to', 1],
    ['training.labelsUntil', 1],
    ['training.rows', 0],
    ['training.rows', 1.5],
    ['dataSha256', 'abc'],
    ['label', ' '],
    ['metrics.inSample', { brier: null }],
    ['metrics.outOfSample', [1]],
    ['calibration.error', 2],
    ['packages', { numpy: 2 }],
    ['seed', -1],
    ['madeAt', '2023'],
    ['reference.columns', []],
    ['reference.columns.0.name', 'unknown'],
    ['reference.columns.0.autocorrelation', 1],
    ['reference.columns.0.quantiles', [1, 2, 3]],
    ['reference.columns.0.quantiles', Array.from({ length: 51 }, (_, index) => -index)],
  ])('are refused where %s is %j, by its name', (path, value) => {
    const { code, message } = refusal(() => parseMetadata(changed(path, value)));
    expect(code).toBe('METADATA_INVALID');
    expect(message).toContain(path.split('.').at(-1)!.replace('name', 'name'));
  });

  it('are no list, no text that is no JSON', () => {
    for (const text of ['[]', 'null', '{', ''])
      expect(refusal(() => parseMetadata(text)).code).toBe('METADATA_INVALID');
  });

  it('may stand in any order in the file, and an ONNX file without them is refused', () => {
    expect(readModel(FILE).metadata.features).toContain('volatility');
    const bare = Buffer.from(FILE);
    bare.write('tidemarx', bare.lastIndexOf(METADATA_KEY));
    expect(refusal(() => readModel(bare)).code).toBe('METADATA_MISSING');
  });

  it('are not read of a file that was cut short, at any byte, or of another file', () => {
    for (let length = 0; length < FILE.length; length += 7) {
      const { code } = refusal(() => readModel(FILE.subarray(0, length)));
      expect(['MODEL_UNREADABLE', 'METADATA_MISSING']).toContain(code);
    }
    expect(refusal(() => readModel(Buffer.from('PK\u0003\u0004 a zip'))).code).toBe('MODEL_UNREADABLE');
    expect(refusal(() => readModel(Buffer.alloc(100, 0xff))).code).toBe('MODEL_UNREADABLE');
  });

  it('give another version to each other file', () => {
    const other = Buffer.from(FILE);
    other[other.indexOf('mean')]! ^= 1;
    expect(readModel(other).version).not.toBe(readModel(FILE).version);
    expect(readModel(FILE).version).toMatch(/^[0-9a-f]{12}$/);
  });
});
