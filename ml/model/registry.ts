/** Models on disk: their files, and what has become of each version. */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { threadId } from 'node:worker_threads';
import type { MlEvent } from '#schemas/generated/types.ts';
import { type Clock, systemClock } from '#streams/kit/clock.ts';
import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { LockHeld, takeLock } from '#streams/kit/lock.ts';
import {
  type Change,
  type Life,
  type Logged,
  lifeOf,
  type ModelEntry,
  only,
  toChampion,
  toPrevious,
  toRejected,
  toShadow,
} from './life.ts';
import { type ModelFile, readModel, versionOfBytes } from './metadata.ts';

/** Models that come with Tidemark: `<name>/model.onnx`, or one a training end, `<name>/<YYYY-MM-DD>.onnx`, of which the newest counts. */
export const SHIPPED_MODELS = join(import.meta.dirname, '..', 'models');

const MODEL = 'model.onnx';
const LOG = 'log.jsonl';
const SENT = 'sent';
const LOCK = 'lock';
const SENDING = 'sending.lock';
const LOCK_PAUSE_MS = 5;
const LOCK_LIMIT_MS = 10_000;

/** Who takes a step, when and why. */
export interface Step {
  /** tidemark, cli:<name> or graphql:<name>. */
  readonly by: string;
  readonly reason: string;
  /** Microseconds UTC. One before the model's newest event counts as that one's. */
  readonly eventTime: number;
  readonly figures?: MlEvent['figures'];
}
/** What happened to a model without a change of stage. */
export interface Notice extends Step {
  readonly type:
    | 'DRIFT_DETECTED'
    | 'RETRAINING_REQUESTED'
    | 'RETRAINING_STARTED'
    | 'RETRAINING_FAILED'
    | 'RETRAINING_ENDED'
    | 'APPROVAL_AWAITED';
  readonly version: string | null;
}
export interface RegistryOptions {
  /** `<TIDEMARK_HOME>/models`. */
  readonly folder: string;
  /** Models that are the first champions where there is none (default: {@link SHIPPED_MODELS}). */
  readonly shipped?: string;
  readonly clock?: Clock;
  /** Puts a file in its place in one step (default: {@link writeWhole}). */
  readonly write?: (file: string, content: string | Uint8Array) => void;
}

/**
 * A registry: `<name>/<version>/model.onnx`, and beside the versions `log.jsonl` with every step. The log is the truth: stages are what its events come
 * to, it only grows, and it is replaced in one rename, so that a step is done as a whole or not at all. Steps hold the model's lock, so that several
 * processes take them one after the other; readers need none. Every step returns its events; they stay `unsent` until somebody has sent them to
 * `ml.events` and said so.
 */
export class ModelRegistry {
  readonly #folder: string;
  readonly #shipped: string;
  /** By name and version, of those that were asked for. */
  readonly #shippedVersions = new Map<string, ReadonlyMap<string, string>>();
  readonly #clock: Clock;
  readonly #write: (file: string, content: string | Uint8Array) => void;

  constructor({ folder, shipped = SHIPPED_MODELS, clock = systemClock, write = writeWhole }: RegistryOptions) {
    this.#folder = folder;
    this.#shipped = shipped;
    this.#clock = clock;
    this.#write = write;
  }

  /** Models that have a log, by name. */
  names(): string[] {
    return foldersOf(this.#folder).filter((name) => existsSync(join(this.#folder, name, LOG)));
  }

  /** What all events of a model come to. Throws MODEL_UNKNOWN, REGISTRY_DAMAGED. */
  life(name: string): Life {
    return this.#life(name);
  }

  /** Versions of a model, oldest first. Throws MODEL_UNKNOWN, REGISTRY_DAMAGED. */
  list(name: string): ModelEntry[] {
    return [...this.#life(name).versions.values()];
  }

  /** Throws MODEL_UNKNOWN, VERSION_UNKNOWN, REGISTRY_DAMAGED. */
  get(name: string, version: string): ModelEntry {
    return versionOf(this.#life(name), name, version);
  }

  /** The version whose scores count; null: there is none. Throws REGISTRY_DAMAGED. */
  champion(name: string): ModelEntry | null {
    return only(lifeOf(this.#log(name)), 'CHAMPION');
  }

  /** The version that scores beside the champion; null: there is none. Throws REGISTRY_DAMAGED. */
  shadow(name: string): ModelEntry | null {
    return only(lifeOf(this.#log(name)), 'SHADOW');
  }

  /** Every event of a model, oldest first. Throws MODEL_UNKNOWN, REGISTRY_DAMAGED. */
  events(name: string): MlEvent[] {
    this.#life(name);
    return this.#log(name).map(({ event }) => event);
  }

  /** A version's file, after comparing it with what was registered. Throws MODEL_CHANGED, MODEL_MISSING, and what `get` throws. */
  load(name: string, version: string): ModelFile {
    return this.#verified(this.get(name, version));
  }

  /** A version that is registered, or one of those that come with Tidemark; null: there is none. Throws what `load` throws. */
  find(name: string, version: string): ModelFile | null {
    if (lifeOf(this.#log(name)).versions.has(version)) return this.load(name, version);
    const known = this.#shippedVersions.get(name) ?? shippedVersions(join(this.#shipped, name));
    this.#shippedVersions.set(name, known);
    const file = known.get(version);
    return file === undefined ? null : readModel(readFileSync(file));
  }

  /**
   * Models of {@link RegistryOptions.shipped} become champions of names that have none. `newest`: event time of the newest record, microseconds; null where
   * there is none yet: as of the beginning of what each was trained on, so that what a replay of it tells comes later.
   */
  async adoptShipped(newest: number | null): Promise<MlEvent[]> {
    const adopted: MlEvent[] = [];
    for (const name of foldersOf(this.#shipped)) {
      const file = shippedFile(join(this.#shipped, name));
      if (file === null || this.champion(name)) continue;
      const model = readModel(readFileSync(file));
      if (model.metadata.name !== name)
        throw new TidemarkError('METADATA_INVALID', `${file} says that it is the model "${model.metadata.name}"`);
      const eventTime = newest ?? model.metadata.training.from;
      const step = { by: 'tidemark', reason: 'The model that comes with this version of Tidemark.', eventTime };
      adopted.push(
        ...(await this.#locked(name, () => {
          const log = this.#log(name);
          // Another process may have been faster.
          if (only(lifeOf(log), 'CHAMPION')) return [];
          const added = this.#registration(log, model, step);
          const life = lifeOf([...log, ...added]);
          const promoted = toChampion(life, versionOf(life, name, model.version));
          return this.#append(name, log, [...added, ...eventsOf(life, promoted, step)]);
        })),
      );
    }
    return adopted;
  }

  /**
   * Takes a model in as a candidate; one that is there already stays what it is, without an event, and its file is written again. Throws what
   * readModel throws.
   */
  register(bytes: Uint8Array, step: Step): Promise<MlEvent[]> {
    const model = readModel(bytes);
    const { name } = model.metadata;
    return this.#locked(name, () => {
      const log = this.#log(name);
      return this.#append(name, log, this.#registration(log, model, step));
    });
  }

  /** A candidate scores beside the champion from now on. Throws STAGE_INVALID, SHADOW_TAKEN, and what `load` throws. */
  toShadow(name: string, version: string, step: Step): Promise<MlEvent[]> {
    return this.#step(name, step, (life) => toShadow(life, versionOf(life, name, version)));
  }

  /**
   * A candidate, a shadow or a former champion becomes the champion, and the present one retires. Throws STAGE_INVALID, and what `load`
   * throws.
   */
  promote(name: string, version: string, step: Step): Promise<MlEvent[]> {
    return this.#step(name, step, (life) => toChampion(life, versionOf(life, name, version)));
  }

  /** A candidate or shadow is refused for good. Throws STAGE_INVALID, MODEL_UNKNOWN, VERSION_UNKNOWN. */
  reject(name: string, version: string, step: Step): Promise<MlEvent[]> {
    return this.#step(name, step, (life) => toRejected(versionOf(life, name, version)));
  }

  /** The champion before the present one is champion again. Throws NO_PREVIOUS_CHAMPION, and what `load` throws of it. */
  rollback(name: string, step: Step): Promise<MlEvent[]> {
    return this.#step(name, step, (life) => toPrevious(life, name));
  }

  /** Writes down what happened without a change of stage. Throws MODEL_UNKNOWN. */
  note(name: string, { type, version, ...step }: Notice): Promise<MlEvent[]> {
    return this.#known(name, () => {
      const life = this.#life(name);
      return this.#append(name, this.#log(name), [{ event: eventOf(life, name, version, type, step) }]);
    });
  }

  /** Events that nobody has said to have sent, oldest first within each model. */
  unsent(): MlEvent[] {
    return this.names().flatMap((name) => this.events(name).slice(this.#sent(name)));
  }

  /** The events up to and with this one are in `ml.events`. Throws MODEL_UNKNOWN. */
  markSent({ model, eventId }: Pick<MlEvent, 'model' | 'eventId'>): Promise<void> {
    return this.#known(model, () => {
      const count = this.events(model).findIndex((event) => event.eventId === eventId) + 1;
      if (count > this.#sent(model)) this.#write(join(this.#folder, model, SENT), `${count}\n`);
    });
  }

  /**
   * Hands over what is {@link unsent}, and writes down that it is sent. One process at a time, so that nothing goes twice; another waits. Throws what
   * `send` throws, and REGISTRY_BUSY.
   */
  async flush(send: (events: readonly MlEvent[]) => Promise<void>): Promise<void> {
    if (this.unsent().length === 0) return;
    const release = await this.#lock(join(this.#folder, SENDING));
    try {
      const events = this.unsent();
      await send(events);
      for (const event of events) await this.markSent(event);
    } finally {
      release();
    }
  }

  /** Nothing has been sent: the topics are made anew. */
  forgetSent(): void {
    for (const name of this.names()) rmSync(join(this.#folder, name, SENT), { force: true });
  }

  #sent(name: string): number {
    const file = join(this.#folder, name, SENT);
    return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  }

  #step(name: string, step: Step, decide: (life: Life) => Change[]): Promise<MlEvent[]> {
    return this.#known(name, () => {
      const life = this.#life(name);
      const changes = decide(life);
      // Whatever will score must be what was registered; what only goes may be broken.
      for (const { entry, to } of changes) if (to !== 'RETIRED') this.#verified(entry);
      return this.#append(name, this.#log(name), eventsOf(life, changes, step));
    });
  }

  /** Writes the file, then what to log: a crash between the two leaves a file that nobody knows of. */
  #registration(log: readonly Logged[], model: ModelFile, step: Step): Logged[] {
    const { version, sha256, bytes } = model;
    const { reference: _reference, ...metadata } = model.metadata;
    this.#write(join(this.#folder, metadata.name, version, MODEL), bytes);
    const life = lifeOf(log);
    if (life.versions.has(version)) return [];
    const event = eventOf(life, metadata.name, version, 'REGISTERED', step);
    return [{ event: { ...event, toStage: 'CANDIDATE', metadata: JSON.stringify(metadata) }, sha256 }];
  }

  #append(name: string, log: readonly Logged[], added: readonly Logged[]): MlEvent[] {
    if (added.length > 0) {
      const lines = [...log, ...added].map((entry) => `${JSON.stringify(entry)}\n`);
      this.#write(join(this.#folder, name, LOG), lines.join(''));
    }
    return added.map(({ event }) => event);
  }

  #verified({ name, version, sha256 }: ModelEntry): ModelFile {
    const file = join(this.#folder, name, version, MODEL);
    if (!existsSync(file)) throw new TidemarkError('MODEL_MISSING', `${name} ${version}: there is no file ${file}`);
    const changed = (cause?: unknown) =>
      new TidemarkError('MODEL_CHANGED', `${name} ${version} is not what was registered: ${file} was changed`, {
        cause,
      });
    let model: ModelFile;
    try {
      model = readModel(readFileSync(file));
    } catch (cause) {
      throw changed(cause);
    }
    if (model.sha256 !== sha256) throw changed();
    return model;
  }

  #life(name: string): Life {
    const names = this.names();
    if (!names.includes(name)) {
      const hint = closest(name, names) || `: there are ${names.join(', ') || 'none yet'}`;
      throw new TidemarkError('MODEL_UNKNOWN', `There is no model "${name}"${hint}`);
    }
    return lifeOf(this.#log(name));
  }

  #log(name: string): Logged[] {
    const file = join(this.#folder, name, LOG);
    if (!existsSync(file)) return [];
    try {
      const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as Logged);
    } catch (cause) {
      throw new TidemarkError('REGISTRY_DAMAGED', `${file} cannot be read`, { cause });
    }
  }

  /** The lock of a name that nobody knows would make a folder of it, wherever that is. */
  async #known<T>(name: string, work: () => T): Promise<T> {
    this.#life(name);
    return this.#locked(name, work);
  }

  /** Runs `work` while nobody else takes a step with the model. Throws REGISTRY_BUSY when that lasts. */
  async #locked<T>(name: string, work: () => T): Promise<T> {
    const release = await this.#lock(join(this.#folder, name, LOCK));
    try {
      return work();
    } finally {
      release();
    }
  }

  async #lock(file: string): Promise<() => void> {
    const until = this.#clock.now() + LOCK_LIMIT_MS;
    for (;;) {
      try {
        return takeLock(file);
      } catch (error) {
        if (!(error instanceof LockHeld)) throw error;
        if (this.#clock.now() > until)
          throw new TidemarkError('REGISTRY_BUSY', error.message, { cause: error, retriable: true });
        await this.#clock.sleep(LOCK_PAUSE_MS);
      }
    }
  }
}

function versionOf({ versions }: Life, name: string, version: string): ModelEntry {
  const entry = versions.get(version);
  if (entry) return entry;
  const known = [...versions.keys()];
  throw new TidemarkError(
    'VERSION_UNKNOWN',
    `${name} has no version "${version}"${closest(version, known) || `: there are ${known.join(', ')}`}`,
  );
}

function eventOf(life: Life, model: string, version: string | null, type: MlEvent['type'], step: Step): MlEvent {
  const { by, reason, eventTime, figures = [] } = step;
  return {
    ...{ eventTime: Math.max(eventTime, life.newest), eventId: randomUUID(), model, version, type },
    ...{ fromStage: null, toStage: null, by, reason, figures, metadata: null },
  };
}

const eventsOf = (life: Life, changes: readonly Change[], step: Step): Logged[] =>
  changes.map(({ entry, type, to }) => ({
    event: {
      ...eventOf(life, entry.name, entry.version, type, step),
      fromStage: entry.stage,
      toStage: to,
      metadata: JSON.stringify(entry.metadata),
    },
  }));

/** Files of all models in a folder, by their versions. */
function shippedVersions(folder: string): Map<string, string> {
  const names = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.onnx')) : [];
  const files = names.map((file) => join(folder, file));
  return new Map(files.map((file) => [versionOfBytes(readFileSync(file)), file]));
}

/** The file of a model that comes with Tidemark; null: there is none of this form. */
function shippedFile(folder: string): string | null {
  const files = readdirSync(folder).sort();
  const file = files.includes(MODEL) ? MODEL : files.findLast((each) => /^\d{4}-\d{2}-\d{2}\.onnx$/.test(each));
  return file === undefined ? null : join(folder, file);
}

function foldersOf(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder, { withFileTypes: true });
  return found
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** Puts a file in its place whole or not at all, also where the machine loses its power. */
export function writeWhole(file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  const partial = `${file}.${process.pid}.${threadId}.partial`;
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const to = openSync(partial, 'w');
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(to, bytes, written);
    fsyncSync(to);
  } finally {
    closeSync(to);
  }
  renameSync(partial, file);
  const folder = openSync(dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
