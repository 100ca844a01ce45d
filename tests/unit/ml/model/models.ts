import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readModel } from '#ml/model/metadata.ts';

const FILE = readFileSync(join(import.meta.dirname, '../../../golden/onnx/falls-logistic.onnx'));
export const NAME = 'falls-logistic';

/** A sound model that differs from the others by its number: a change of the day on which it says that it was made. */
export function modelOf(number: number): Buffer {
  const bytes = Buffer.from(FILE);
  const at = bytes.indexOf('"madeAt": 1700000000000000');
  bytes.write(String(1_700_000_000_000_000 + number), at + '"madeAt": '.length);
  return bytes;
}
export const versionOf = (number: number): string => readModel(modelOf(number)).version;
