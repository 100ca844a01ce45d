import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';
import { DecimalError, formatDecimal, parseDecimal } from '#schemas/decimal.ts';
import type { Micros } from '#schemas/generated/types.ts';

const ISO =
  /^([+-]\d{6}|\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|z|[+-]\d\d(?::?\d\d)?)?)?$/;

/** ISO 8601 in UTC: milliseconds always, microseconds when there are any. Throws RangeError beyond the year 275760. */
export function formatMicros(micros: Micros): string {
  const milliseconds = Math.floor(micros / 1000);
  const rest = micros - milliseconds * 1000;
  const text = new Date(milliseconds).toISOString();
  return rest === 0 ? text : `${text.slice(0, -1)}${String(rest).padStart(3, '0')}Z`;
}

/**
 * Reads ISO 8601 leniently: a date alone is its midnight, a time without a zone is UTC, digits beyond the microsecond are cut.
 * Returns null when the text is no such time (the 30th of February included).
 */
export function parseIsoMicros(text: string): Micros | null {
  const match = ISO.exec(text.trim());
  if (!match) return null;
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] = match;
  const midnight = Date.parse(`${year}-${month}-${day}T00:00:00.000Z`);
  // JavaScript takes 1990-02-30 for the 2nd of March: the round trip shows it.
  if (!Number.isFinite(midnight) || !new Date(midnight).toISOString().startsWith(`${year}-${month}-${day}T`))
    return null;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  const milliseconds = midnight + ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000;
  const offset = zoneMinutes(zone);
  if (offset === null) return null;
  const micros = (milliseconds - offset * 60_000) * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
  return Number.isSafeInteger(micros) ? micros : null;
}

function zoneMinutes(zone: string): number | null {
  if (zone === 'Z' || zone === 'z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(':', ''));
  if (hours > 14 || minutes > 59) return null;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

const short = (value: unknown) => JSON.stringify(value)?.slice(0, 60);

function readDateTime(value: unknown): Micros {
  const micros = typeof value === 'string' ? parseIsoMicros(value) : null;
  if (micros === null)
    throw new GraphQLError(
      `DateTime must be ISO 8601, e.g. "2008-09-15T20:00:00Z" or "2008-09-15", not ${short(value)}`,
    );
  return micros;
}

function readDecimal(value: unknown): bigint {
  try {
    if (typeof value === 'string') return parseDecimal(value);
  } catch (error) {
    if (!(error instanceof DecimalError)) throw error;
    throw new GraphQLError(`Decimal: ${error.message}`);
  }
  throw new GraphQLError(`Decimal must be a string, e.g. "1250.50", not ${short(value)}: a JSON number is not exact`);
}

const stringLiteral = (node: ValueNode) => (node.kind === Kind.STRING ? node.value : undefined);

export const DateTime = new GraphQLScalarType<Micros, string>({
  name: 'DateTime',
  description:
    'A point in time: ISO 8601 in UTC, with milliseconds and, where they are known, microseconds. As an argument a date alone is its midnight, and a time without a zone is UTC.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339',
  serialize: (value) => formatMicros(value as Micros),
  parseValue: readDateTime,
  parseLiteral: (node) => readDateTime(stringLiteral(node)),
});

export const Decimal = new GraphQLScalarType<bigint, string>({
  name: 'Decimal',
  description:
    'An exact ledger amount: a decimal string with at most 9 decimals and without trailing zeros, e.g. "-1250.5". Read it as a decimal, never as a double.',
  serialize: (value) => formatDecimal(typeof value === 'string' ? parseDecimal(value) : (value as bigint)),
  parseValue: readDecimal,
  parseLiteral: (node) => readDecimal(stringLiteral(node)),
});
