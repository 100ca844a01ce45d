/** Where in Kafka something happened. */
export interface RecordPosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** What an error may say beside code and sentence. */
export interface ErrorDetails {
  /** What was thrown first. */
  readonly cause?: unknown;
  /** True when the same call may succeed later. */
  readonly retriable?: boolean;
  /** The record that it is about. */
  readonly position?: RecordPosition;
}

/** The one error base: a stable `code` for programs, a sentence for people, and where it happened. */
export class TidemarkError extends Error {
  override name = 'TidemarkError';
  /** Upper-case words joined by underscores, e.g. TOPIC_UNKNOWN. */
  readonly code: string;
  /** True when the same call may succeed later. */
  readonly retriable: boolean;
  /** The record that it is about, where it is about one. */
  readonly position: RecordPosition | undefined;

  /** `message` is the sentence; not retriable unless `details` say so. */
  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retriable = details.retriable ?? false;
    this.position = details.position;
  }
}

/** The message of anything thrown, with its causes, on one line. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError)
    return [error.message, ...error.errors.map(describeError)].filter(Boolean).join('; ');
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message} (${describeError(error.cause)})`;
}

const MISTAKES = [TypeError, RangeError, ReferenceError, SyntaxError];

/**
 * True when trying again may help. Errors of ours say so themselves; what a client threw is about connections and brokers, unless it is
 * what JavaScript throws at a mistake in the program. (`fetch` throws a TypeError with a cause when a server is away.)
 */
export function mayPass(error: unknown): boolean {
  if (error instanceof TidemarkError) return error.retriable;
  return !MISTAKES.some((kind) => error instanceof kind) || (error as Error).cause !== undefined;
}
