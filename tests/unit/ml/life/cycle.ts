/** The life that the tests of the full cycle go through, and the models that they need no Python for (tests/golden/cycle_reference.py). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '../../../golden/cycle');
/** The champion is trained on the days before `trainedAt`; from `shiftAt` on the world is another one; `retrainedAt`: when a drift is found. */
export const CYCLE = { seed: 'cycle', days: 1_800, trainedAt: 1_200, shiftAt: 1_300, retrainedAt: 1_400 } as const;

export const cycleModel = (name: 'champion' | 'better' | 'bad'): Uint8Array =>
  readFileSync(join(FOLDER, `${name}.onnx`));
