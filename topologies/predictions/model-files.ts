/** Breach models from files: those of each training end that are shipped, and the registry's champion and shadow where they may score a day. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BreachModel, breachDetails, modelFor } from '#ml/features/breach-model.ts';
import { type ModelFile, readModel } from '#ml/model/metadata.ts';
import type { ModelRegistry } from '#ml/model/registry.ts';
import { Scorer } from '#ml/model/scorer.ts';
import type { SessionOptions } from '#ml/model/session.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { BreachModels, BreachScorer } from './models.ts';

const NAME = 'breach';
/** How often the registry is asked whether another version counts. */
const ASK_MS = 1_000;

export interface ModelFilesOptions {
  /** With index.json, by training end. */
  readonly shipped: string;
  /** Null: none is asked. */
  readonly registry: ModelRegistry | null;
  readonly session: SessionOptions;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
}

type Opened = BreachScorer & { readonly scoresFrom: string; readonly types: readonly string[] };
type Stage = 'champion' | 'shadow';

/**
 * A day is scored by the registry's champion where that was trained before it; else by the shipped model that could have been known, so that a replay
 * of the past looks at nothing of its own future.
 */
export class ModelFiles implements BreachModels {
  readonly #options: ModelFilesOptions;
  readonly #shipped: readonly BreachModel[];
  readonly #opened = new Map<string, Promise<Opened>>();
  #askedMs = Number.NEGATIVE_INFINITY;
  #versions: Readonly<Record<Stage, string | null>> = { champion: null, shadow: null };

  /** Throws MODELS_UNREADABLE where there is no index of shipped models. */
  constructor(options: ModelFilesOptions) {
    this.#options = options;
    this.#shipped = readIndex(join(options.shipped, 'index.json'));
  }

  async champion(date: string, type: string): Promise<BreachScorer | null> {
    const registered = await this.#registered('champion', date);
    if (registered) return registered.types.includes(type) ? registered : null;
    const model = modelFor(this.#shipped, date, type);
    return model && this.#open(model.file, () => readModel(readFileSync(join(this.#options.shipped, model.file))));
  }

  async shadow(date: string, type: string): Promise<BreachScorer | null> {
    const registered = await this.#registered('shadow', date);
    return registered?.types.includes(type) ? registered : null;
  }

  /** Null where there is none, or it may not score the day. */
  async #registered(stage: Stage, date: string): Promise<Opened | null> {
    const { registry } = this.#options;
    if (!registry) return null;
    this.#ask(registry);
    const version = this.#versions[stage];
    if (version === null) return null;
    const opened = await this.#open(`${NAME}/${version}`, () => registry.load(NAME, version));
    return opened.scoresFrom <= date ? opened : null;
  }

  #ask(registry: ModelRegistry): void {
    const nowMs = this.#options.now();
    if (Math.abs(nowMs - this.#askedMs) < ASK_MS) return;
    this.#askedMs = nowMs;
    this.#versions = {
      champion: registry.champion(NAME)?.version ?? null,
      shadow: registry.shadow(NAME)?.version ?? null,
    };
  }

  /** Opens a file once; one that fails is tried again when it is asked for again. */
  #open(key: string, read: () => ModelFile): Promise<Opened> {
    let opened = this.#opened.get(key);
    if (!opened) {
      opened = this.#scorer(read);
      opened.catch(() => this.#opened.delete(key));
      this.#opened.set(key, opened);
    }
    return opened;
  }

  async #scorer(read: () => ModelFile): Promise<Opened> {
    const file = read();
    const { scoresFrom, types, medians } = breachDetails(file.metadata.details);
    const scorer = await Scorer.open(file, this.#options.session);
    return {
      version: file.version,
      trainedUntil: file.metadata.training.labelsUntil,
      medians: Float64Array.from(medians),
      scoresFrom,
      types,
      score: (rows, count) => scorer.score(rows, count),
    };
  }
}

function readIndex(path: string): readonly BreachModel[] {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { models: BreachModel[] }).models;
  } catch (cause) {
    throw new TidemarkError('MODELS_UNREADABLE', `${path}: it cannot be read`, { cause });
  }
}
