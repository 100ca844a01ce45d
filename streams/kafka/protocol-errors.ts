/** Kafka's numeric error codes inside anything the client threw; empty when there is none (a broken connection, say). */
export function kafkaErrorCodes(error: unknown): number[] {
  if (typeof error !== 'object' || error === null) return [];
  const { apiCode, errors, cause } = error as { apiCode?: unknown; errors?: unknown; cause?: unknown };
  const codes = typeof apiCode === 'number' ? [apiCode] : [];
  if (Array.isArray(errors)) codes.push(...errors.flatMap(kafkaErrorCodes));
  return codes.length > 0 ? codes : kafkaErrorCodes(cause);
}

/** Codes after which the metadata is stale: the leader or the coordinator is elsewhere, or not yet known. */
const STALE = new Set([3, 5, 6, 9, 13, 14, 15, 16, 56, 72, 74, 75, 78, 100]);
export const isStaleMetadata = (error: unknown): boolean => kafkaErrorCodes(error).some((code) => STALE.has(code));
