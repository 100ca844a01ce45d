import type { MetricObjectWithValues, MetricValue } from 'prom-client';
import { describeError, type RecordPosition, TidemarkError } from '../kit/errors.ts';
import type { RunOptions } from './index.ts';

/** A function of a module, named in a way that can be sent to another thread. */
export interface ModuleExport {
  /** File URL. */
  readonly module: string;
  readonly export: string;
}
/** The options of a thread that are plain data. */
export type PlainRunOptions = Omit<
  RunOptions,
  'kafka' | 'registry' | 'topicConfig' | 'log' | 'metrics' | 'replay' | 'clock' | 'onStep'
>;
/** What a worker thread is started with. */
export interface WorkerInput {
  readonly topology: ModuleExport & { readonly args: readonly unknown[] };
  readonly topicConfig: ModuleExport;
  readonly registryUrl: string;
  readonly clientId: string;
  readonly logLevel: string;
  readonly run: PlainRunOptions;
}

export type MetricSnapshot = MetricObjectWithValues<MetricValue<string>>;
export type ToWorker = { readonly kind: 'stop' } | { readonly kind: 'metrics' };
export type FromWorker =
  /** The topology runs. */
  | { readonly kind: 'started'; readonly metrics: readonly MetricSnapshot[] }
  /** Sent often, also unchanged: a thread that is silent is stuck. */
  | { readonly kind: 'state'; readonly notReady: string | null }
  | { readonly kind: 'log'; readonly entry: string }
  | { readonly kind: 'metrics'; readonly metrics: readonly MetricSnapshot[] }
  /** The last message: null after a stop. */
  | { readonly kind: 'ended'; readonly error: PlainError | null };

/** An error on its way between threads: cloned as such it would lose its code and position. */
export interface PlainError {
  readonly code: string;
  readonly message: string;
  readonly retriable: boolean;
  readonly position: RecordPosition | undefined;
  readonly stack: string | undefined;
}
export function toPlainError(error: unknown): PlainError {
  const { code, retriable, position } =
    error instanceof TidemarkError ? error : { code: 'THREAD_FAILED', retriable: false, position: undefined };
  const stack = error instanceof Error ? error.stack : undefined;
  return { code, message: describeError(error), retriable, position, stack };
}
export function fromPlainError({ code, message, retriable, position, stack }: PlainError): TidemarkError {
  const error = new TidemarkError(code, message, { retriable, ...(position ? { position } : {}) });
  if (stack !== undefined) error.stack = stack;
  return error;
}
