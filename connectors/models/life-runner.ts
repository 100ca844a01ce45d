/** Does what is next in a model's life: on disk, and in a process that trains. */
import { type Drift, driftFigures, driftReason } from '#ml/life/keeper.ts';
import { INTERRUPTED, type LifeSettings, type LifeStep, nextStep, TO } from '#ml/life/next-step.ts';
import type { Trainer } from '#ml/life/trainers.ts';
import { type Life, type ModelEntry, only } from '#ml/model/life.ts';
import { readModel } from '#ml/model/metadata.ts';
import type { Verdict } from '#ml/model/promotion.ts';
import type { ModelRegistry } from '#ml/model/registry.ts';
import { describeError } from '#streams/kit/errors.ts';
import type { Log } from '#streams/kit/log.ts';
import type { Training } from './training.ts';

const BY = 'tidemark';
/** Figure of a drift: when it was found, which a restart finds again. */
const FOUND_AT = 'foundAt';

export interface LifeRunnerOptions {
  readonly models: ModelRegistry;
  readonly trainer: Trainer;
  readonly training: Training;
  readonly settings: LifeSettings;
  readonly log: Log;
  readonly signal: AbortSignal;
}
type Trained = { readonly bytes: Uint8Array } | { readonly failure: string };

/**
 * Takes the steps of one model, one after the other; what was done is in the registry's log alone, so whoever takes its place goes on
 * from there. A training goes on beside the stream.
 */
export class LifeRunner {
  readonly #options: LifeRunnerOptions;
  #running: Promise<void> | null = null;
  #trained: Trained | null = null;

  constructor(options: LifeRunnerOptions) {
    this.#options = options;
  }

  /** Also while what it has made is not written down. */
  get isTraining(): boolean {
    return this.#running !== null || this.#trained !== null;
  }

  /** Version in the shadow; null: none. */
  get shadow(): string | null {
    const { models, trainer } = this.#options;
    return models.shadow(trainer.model)?.version ?? null;
  }

  /** Writes a drift down, unless that was done before a crash. */
  async drifted(drift: Drift): Promise<void> {
    const { models, trainer, log } = this.#options;
    const { version, eventTime } = drift;
    const isKnown = models.events(trainer.model).some((event) => {
      const isOfIt = event.type === 'DRIFT_DETECTED' && event.version === version;
      return isOfIt && event.figures.some(({ name, value }) => name === FOUND_AT && value === eventTime);
    });
    if (isKnown) return;
    const reason = driftReason(drift);
    const figures = [{ name: FOUND_AT, value: eventTime }, ...driftFigures(drift)];
    await models.note(trainer.model, { type: 'DRIFT_DETECTED', version, by: BY, reason, eventTime, figures });
    log.warn({ model: trainer.model, version }, `Drift: ${reason}`);
  }

  /** Does all that is to be done as of an event time (microseconds; null: before the first record). */
  async advance(now: number | null, judge: (shadow: ModelEntry) => Verdict | null): Promise<void> {
    const { models, trainer, settings } = this.#options;
    if (!models.names().includes(trainer.model)) return;
    await this.#takeTrained(now);
    for (;;) {
      const events = models.events(trainer.model);
      const life: Life = models.life(trainer.model);
      const step = nextStep({ events, life, now, isTraining: this.isTraining, judge }, settings);
      if (!step) return;
      await this.#do(step, now, life);
    }
  }

  /** Waits until the training has ended, if there is one. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #do(step: LifeStep, now: number | null, life: Life): Promise<void> {
    const { models, trainer, log } = this.#options;
    const { model } = trainer;
    const at = (reason: string) => ({ by: BY, reason, eventTime: now ?? life.newest });
    switch (step.kind) {
      case 'train':
        return this.#train(step, now, life);
      case 'interrupted':
        await models.note(model, {
          ...{ type: 'RETRAINING_FAILED', version: step.version, ...at('the process that ran the training has ended') },
          figures: [{ name: INTERRUPTED, value: 1 }],
        });
        return;
      case 'shadow':
        await models.toShadow(model, step.version, at(step.reason));
        break;
      case 'promote':
        await models.promote(model, step.version, { ...at(step.reason), figures: step.figures });
        break;
      case 'reject':
        await models.reject(model, step.version, { ...at(step.reason), figures: step.figures });
        break;
      case 'await': {
        const how = `tidemark models promote ${model} ${step.version}`;
        const reason = `${step.reason}; a person has to promote it (${how})`;
        const { version, figures } = step;
        await models.note(model, { type: 'APPROVAL_AWAITED', version, ...at(reason), figures });
      }
    }
    log.info({ model, version: step.version, step: step.kind }, `${model} ${step.version}: ${step.reason}`);
  }

  async #train({ to, reason }: Extract<LifeStep, { kind: 'train' }>, now: number | null, life: Life): Promise<void> {
    const { models, trainer, training, log, signal } = this.#options;
    const { model } = trainer;
    const version = only(life, 'CHAMPION')?.version ?? null;
    const eventTime = now ?? life.newest;
    const missing = await training.missing();
    if (missing !== null) {
      log.warn({ model }, missing);
      await models.note(model, {
        ...FAILED,
        version,
        reason: `${missing}. It was to be trained: ${reason}`,
        eventTime,
      });
      return;
    }
    const figures = to === null ? [] : [{ name: TO, value: to }];
    await models.note(model, { type: 'RETRAINING_STARTED', version, by: BY, reason, eventTime, figures });
    log.info({ model }, `${model} is trained anew: ${reason}`);
    this.#running = training.train(trainer, to, signal).then(
      (bytes) => {
        this.#trained = { bytes };
        this.#running = null;
      },
      (error: unknown) => {
        this.#trained = { failure: describeError(error) };
        this.#running = null;
      },
    );
  }

  /** Writes down what a training has made. A stop in between leaves it as interrupted. */
  async #takeTrained(now: number | null): Promise<void> {
    const { models, trainer, log, signal } = this.#options;
    const { model } = trainer;
    const trained = this.#trained;
    if (!trained || signal.aborted) return;
    const life = models.life(model);
    const eventTime = now ?? life.newest;
    const version = only(life, 'CHAMPION')?.version ?? null;
    try {
      if ('failure' in trained) throw new Error(trained.failure);
      const file = readModel(trained.bytes);
      if (file.metadata.name !== model) throw new Error(`it made a model "${file.metadata.name}"`);
      await models.register(trained.bytes, { by: BY, reason: 'it was trained anew', eventTime });
      const figures = Object.entries(file.metadata.metrics.outOfSample).map(([name, value]) => ({ name, value }));
      const reason = 'it is trained';
      await models.note(model, { type: 'RETRAINING_ENDED', version: file.version, by: BY, reason, eventTime, figures });
    } catch (error) {
      log.warn({ model }, `Training failed: ${describeError(error)}`);
      await models.note(model, { ...FAILED, version, reason: describeError(error), eventTime });
    } finally {
      this.#trained = null;
    }
  }
}

const FAILED = { type: 'RETRAINING_FAILED', by: BY } as const;
