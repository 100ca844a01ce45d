/** Logical types of what stores keep: as in the topics (schemas/decimal.ts). */

/** Microseconds since 1970-01-01 UTC. */
export const TIME = { type: 'long', logicalType: 'timestamp-micros' } as const;
/** Exact, 9 decimals. */
export const DECIMAL = { type: 'bytes', logicalType: 'decimal', precision: 38, scale: 9 } as const;
