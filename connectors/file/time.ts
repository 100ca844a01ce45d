import { MAX_AHEAD_MS } from '#schemas/checks.ts';

const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|z|[+-]\d\d(?::?\d\d)?)?)?$/;
const EPOCH = /^(\d{1,20})(?:\.(\d{1,9}))?$/;
/** 20240105: as an epoch it would be a day in 1970. */
const COMPACT_DATE = /^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$/;
const EXPECTED = 'expected ISO 8601, such as 2024-01-05T15:30:00Z, or seconds, ms, µs or ns since 1970';

/**
 * Microseconds since 1970-01-01 UTC of ISO 8601 (without a zone: UTC; a date alone: its midnight) or of an epoch in seconds, ms,
 * µs or ns, told apart by magnitude: up to 11 digits are seconds, up to 14 ms, up to 17 µs, more ns. Finer digits are cut off.
 * Returns a sentence when the text is neither, or not a time that an event may have.
 */
export function parseTime(text: string, nowMs: number): number | string {
  const iso = ISO.exec(text);
  const micros = iso ? isoMicros(iso) : epochMicros(text);
  if (typeof micros === 'string') return micros;
  if (micros < 0) return 'is before 1970';
  if (micros <= (nowMs + MAX_AHEAD_MS) * 1000) return micros;
  const read = micros > 8.64e18 ? '' : ` (read as ${new Date(micros / 1000).toISOString()})`;
  return `is more than a day ahead of the clock${read}`;
}

function isoMicros(match: RegExpExecArray): number | string {
  const [, year, month, day, hours = '00', minutes = '00', seconds = '00', fraction = '', zone = 'Z'] = match;
  const date = Date.UTC(Number(year), Number(month) - 1, Number(day));
  const isDate = Number(month) <= 12 && Number(day) >= 1 && new Date(date).getUTCDate() === Number(day);
  if (!isDate || Number(month) < 1) return 'is not a day of the calendar';
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return 'is not a time of day';
  const offset = zone === 'Z' || zone === 'z' ? 0 : offsetMinutes(zone);
  if (Number.isNaN(offset)) return 'has an offset from UTC that no zone has';
  const wholeSeconds = date / 1000 + Number(hours) * 3600 + (Number(minutes) - offset) * 60 + Number(seconds);
  return wholeSeconds * 1e6 + Number(fraction.padEnd(6, '0').slice(0, 6));
}

function offsetMinutes(zone: string): number {
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  const hours = Number(digits.slice(0, 2));
  const minutes = Number(digits.slice(2));
  if (hours > 14 || minutes > 59) return Number.NaN;
  return (zone[0] === '-' ? -1 : 1) * (hours * 60 + minutes);
}

function epochMicros(text: string): number | string {
  if (COMPACT_DATE.test(text)) return `may be a date or an epoch: write ${text.replace(/(....)(..)(..)/, '$1-$2-$3')}`;
  const match = EPOCH.exec(text);
  if (!match) return EXPECTED;
  const whole = match[1]!.replace(/^0+(?=.)/, '');
  // Digits of the whole part that are microseconds or coarser: more of them than a double holds exactly are never kept.
  const shift = whole.length <= 11 ? 6 : whole.length <= 14 ? 3 : whole.length <= 17 ? 0 : -3;
  if (shift < 0) return Number(whole.slice(0, shift));
  return Number(whole + (match[2] ?? '').padEnd(shift, '0').slice(0, shift));
}
