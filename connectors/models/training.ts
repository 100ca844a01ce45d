/** Starts trainings: each in a process of its own, with low priority, for a limited time. */
import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Trainer } from '#ml/life/trainers.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { missingForTraining } from './python.ts';

/** Trains models. Implementations for tests need no Python. */
export interface Training {
  /** What is missing before it can begin, in a sentence; null: nothing. */
  missing(): Promise<string | null>;
  /**
   * The file of a model trained on records before `to` (event time, microseconds; null: all). Throws RETRAINING_FAILED with its last words,
   * and the signal's reason.
   */
  train(trainer: Trainer, to: number | null, signal: AbortSignal): Promise<Uint8Array>;
}
export interface TrainingOptions {
  /** Command or path (TIDEMARK_PYTHON). */
  readonly python: string;
  /** `<TIDEMARK_HOME>/state/training`: what a training reads and writes, and its log, until the next one. */
  readonly folder: string;
  readonly limitMs: number;
  /** With KAFKA_BROKERS and SCHEMA_REGISTRY_URL. */
  readonly env: NodeJS.ProcessEnv;
}

const LAST_WORDS = 600;

export class ProcessTraining implements Training {
  readonly #options: TrainingOptions;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: TrainingOptions) {
    this.#options = options;
  }

  missing(): Promise<string | null> {
    return missingForTraining(this.#options.python);
  }

  /** One at a time: others wait. */
  train(trainer: Trainer, to: number | null, signal: AbortSignal): Promise<Uint8Array> {
    const trained = this.#last.then(() => this.#train(trainer, to, signal));
    this.#last = trained.catch(() => undefined);
    return trained;
  }

  async #train({ model, features, train }: Trainer, to: number | null, signal: AbortSignal): Promise<Uint8Array> {
    const { python, folder, limitMs, env } = this.#options;
    signal.throwIfAborted();
    mkdirSync(folder, { recursive: true });
    const work = join(folder, model);
    const logFile = join(folder, `${model}.log`);
    const log = openSync(logFile, 'w');
    const until = to === null ? [] : ['--as-of', new Date(to / 1000).toISOString()];
    const args = ['--features', features, '--train', train, '--python', python];
    const child = fork(join(import.meta.dirname, 'train.ts'), [...args, '--work', work, ...until], {
      env,
      execArgv: [],
      // A group of its own, so that it can be ended with all that it has started.
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    const code = await ended(child, limitMs, signal);
    signal.throwIfAborted();
    const file = join(work, 'model.onnx');
    if (code === 0 && existsSync(file)) return readFileSync(file);
    const words = readFileSync(logFile, 'utf8').trim().slice(-LAST_WORDS);
    const how = code === 'late' ? `took longer than ${Math.round(limitMs / 60_000)} minutes` : `ended with ${code}`;
    throw new TidemarkError(
      'RETRAINING_FAILED',
      `The training ${how} (log: ${logFile}): ${words || 'it said nothing'}`,
    );
  }
}

/** Exit code or signal; `late`: it was ended after its time. */
function ended(child: ChildProcess, limitMs: number, signal: AbortSignal): Promise<number | string> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const kill = () => {
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
    };
    const timer = setTimeout(() => {
      isLate = true;
      kill();
    }, limitMs);
    signal.addEventListener('abort', kill);
    const settle = (settled: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', kill);
      settled();
    };
    child.once('error', (error) => settle(() => reject(error)));
    child.once('exit', (code, how) => settle(() => resolve(isLate ? 'late' : (code ?? how ?? 'an unknown status'))));
  });
}
