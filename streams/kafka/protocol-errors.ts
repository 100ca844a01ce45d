import { protocolErrorsCodesById } from '@platformatic/kafka';
import { describeError, TidemarkError } from '../kit/errors.ts';

/** Kafka's numeric error codes inside anything the client threw; empty when there is none (a broken connection, say). */
export function kafkaErrorCodes(error: unknown): number[] {
  if (typeof error !== 'object' || error === null) return [];
  const { apiCode, errors, cause } = error as { apiCode?: unknown; errors?: unknown; cause?: unknown };
  const codes = typeof apiCode === 'number' ? [apiCode] : [];
  if (Array.isArray(errors)) codes.push(...errors.flatMap(kafkaErrorCodes));
  return codes.length > 0 ? codes : kafkaErrorCodes(cause);
}

/** `NOT_LEADER_OR_FOLLOWER (6)`: as Kafka's documentation and other tools call it. */
export const kafkaErrorName = (code: number): string => `${protocolErrorsCodesById[code] ?? 'unknown error'} (${code})`;

/**
 * Codes after which the metadata is stale: the leader, the coordinator or the controller is elsewhere, or not yet known.
 * UNKNOWN_TOPIC_OR_PARTITION is one of them: brokers hear of a new topic one after another.
 */
const STALE = new Set([3, 5, 6, 8, 9, 13, 14, 15, 16, 41, 56, 72, 74, 75, 78, 100]);
/** REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS and …_AFTER_APPEND, UNSTABLE_OFFSET_COMMIT, THROTTLING_QUOTA_EXCEEDED: later it works. */
const LATER = new Set([7, 19, 20, 88, 89]);

export const isStaleMetadata = (error: unknown): boolean => kafkaErrorCodes(error).some((code) => STALE.has(code));

/** True when the same request may succeed later: brokers move, restart, or do not answer. */
export function isRetriable(error: unknown): boolean {
  const codes = kafkaErrorCodes(error);
  if (codes.length > 0) return codes.every((code) => STALE.has(code) || LATER.has(code));
  if (error instanceof TidemarkError) return error.retriable;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^(PLT_KFK_(NETWORK|TIMEOUT|UNEXPECTED_CORRELATION_ID)|E[A-Z]+)$/.test(code);
}

export const unreachable = (reason: string, cause?: unknown): TidemarkError =>
  new TidemarkError(
    'KAFKA_UNREACHABLE',
    `No Kafka broker answers (${reason}). Is Kafka running, and is KAFKA_BROKERS right?`,
    { retriable: true, cause },
  );

/** What the client threw, as an error of ours: KAFKA_UNREACHABLE or KAFKA_REFUSED; anything else stays as it is. */
export function asTidemark(error: unknown): unknown {
  if (error instanceof TidemarkError || !(error instanceof Error)) return error;
  const codes = kafkaErrorCodes(error);
  if (codes.length === 0) return isRetriable(error) ? unreachable(describeError(error), error) : error;
  return new TidemarkError('KAFKA_REFUSED', `Kafka refused a request: ${codes.map(kafkaErrorName).join(', ')}`, {
    cause: error,
    retriable: isRetriable(error),
  });
}
