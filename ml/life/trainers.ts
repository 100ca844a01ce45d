/** How each model is trained anew. What a model of another name needs is a line here and its scripts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';

export interface Trainer {
  readonly model: string;
  /** The command that makes the training set of what is recorded, with the code that serves: `tidemark NAME --out FILE [--as-of TIME]`. */
  readonly features: string;
  /** Trains: `python FILE --set FOLDER --out model.onnx`. What it prints last is told where it fails. */
  readonly train: string;
}

/** Pinned packages of every training script. */
export const REQUIREMENTS = 'ml/train/requirements.txt';

export const TRAINERS: readonly Trainer[] = [
  { model: 'breach', features: 'features', train: 'ml/train/retrain_breach.py' },
];

/** Throws TRAINER_UNKNOWN with those that there are. */
export function trainerOf(model: string, trainers: readonly Trainer[] = TRAINERS): Trainer {
  const trainer = trainers.find((each) => each.model === model);
  if (trainer) return trainer;
  const names = trainers.map((each) => each.model);
  const hint = closest(model, names) || `: there is one for ${names.join(', ')}`;
  throw new TidemarkError('TRAINER_UNKNOWN', `There is no training of a model "${model}"${hint}`);
}

/** `name==version` of every package that training needs. */
export function requirements(): string[] {
  const text = readFileSync(join(import.meta.dirname, '..', '..', REQUIREMENTS), 'utf8');
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^[\w-]+==/.test(line));
}
