/** Models of one kind that were trained up to different days: what a replay of the past scores with, so that it looks at nothing of its own future. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TidemarkError } from '#streams/kit/errors.ts';
import { readModel } from './metadata.ts';
import { Scorer } from './scorer.ts';
import type { SessionOptions } from './session.ts';

interface Entry {
  /** File name in the same folder. */
  readonly file: string;
  /** The last event time that its labels looked at, microseconds: it scores what comes later. */
  readonly scoresFrom: number;
}

/** A folder of models with its index.json, each opened when it is first needed. */
export class DatedModels {
  readonly #folder: string;
  readonly #options: SessionOptions;
  /** By rising `scoresFrom`. */
  readonly #entries: readonly Entry[];
  readonly #scorers = new Map<string, Promise<Scorer>>();

  /** Throws MODELS_UNREADABLE where there is no index, or it says what cannot be. */
  constructor(folder: string, options: SessionOptions) {
    this.#folder = folder;
    this.#options = options;
    this.#entries = readIndex(join(folder, 'index.json'));
  }

  /** The newest model that could have been known at an event time (microseconds); undefined before the first. */
  fileAt(eventTime: number): string | undefined {
    return this.#entries.findLast(({ scoresFrom }) => scoresFrom < eventTime)?.file;
  }

  /** Opens a file once. Throws what readModel and Scorer.open throw. */
  scorer(file: string): Promise<Scorer> {
    let scorer = this.#scorers.get(file);
    if (!scorer) {
      scorer = this.#open(file);
      this.#scorers.set(file, scorer);
    }
    return scorer;
  }

  async #open(file: string): Promise<Scorer> {
    return Scorer.open(readModel(readFileSync(join(this.#folder, file))), this.#options);
  }
}

function readIndex(path: string): Entry[] {
  const wrong = (what: string, cause?: unknown) =>
    new TidemarkError('MODELS_UNREADABLE', `${path}: ${what}`, { cause });
  let index: { readonly models?: readonly Partial<Entry>[] };
  try {
    index = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw wrong('it cannot be read', cause);
  }
  if (!Array.isArray(index?.models) || index.models.length === 0) throw wrong('it names no models');
  return index.models.map(({ file, scoresFrom }, at) => {
    if (typeof file !== 'string' || !/^[\w.-]+\.onnx$/.test(file)) throw wrong(`model ${at} has no file name`);
    if (!Number.isSafeInteger(scoresFrom)) throw wrong(`${file} does not say from when on it may score`);
    if (at > 0 && scoresFrom! <= index.models![at - 1]!.scoresFrom!) throw wrong(`${file} is not in the order of time`);
    return { file, scoresFrom: scoresFrom! };
  });
}
