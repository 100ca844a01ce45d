/** A minus sign as wide as a plus: columns of signed figures line up. */
const MINUS = '\u2212';
const NARROW = '\u2009';

const group = (digits: string) => digits.replace(/\B(?=(\d{3})+$)/g, ',');

/**
 * An exact decimal string with `decimals` places, rounded half-even, never through a double: "1234567.895" is 1,234,567.90.
 * Text that is no decimal comes back as it is, so that a surprise shows instead of a wrong figure.
 */
export function formatExact(text: string, decimals = 2, signed = false): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (!match) return text;
  const [, minus = '', whole = '0', fraction = ''] = match;
  const scaled = BigInt(whole + fraction.padEnd(decimals, '0').slice(0, decimals));
  const rest = fraction.slice(decimals).replace(/0+$/, '');
  const half = rest === '5' ? (scaled & 1n) === 1n : rest !== '' && rest >= '5';
  const digits = (half ? scaled + 1n : scaled).toString().padStart(decimals + 1, '0');
  const body = group(digits.slice(0, digits.length - decimals)) + (decimals > 0 ? `.${digits.slice(-decimals)}` : '');
  return sign(minus !== '' && /[1-9]/.test(digits), /[1-9]/.test(digits), signed) + body;
}

/** An exact quantity: as many decimals as it has. */
export const formatQuantity = (text: string): string => formatExact(text, text.split('.')[1]?.length ?? 0);

/** A double with `decimals` places. */
export function formatNumber(value: number | null, decimals = 2, signed = false): string {
  if (value === null || !Number.isFinite(value)) return '–';
  const body = Math.abs(value).toLocaleString('en-US', {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
  const zero = !/[1-9]/.test(body);
  return sign(value < 0 && !zero, !zero, signed) + body;
}

/** A price: four decimals below one, where two would hide the moves. */
export const formatPrice = (value: number | null): string =>
  formatNumber(value, value !== null && Math.abs(value) < 1 ? 4 : 2);

export const formatPercent = (ratio: number | null, decimals = 2, signed = false): string =>
  ratio === null || !Number.isFinite(ratio) ? '–' : `${formatNumber(ratio * 100, decimals, signed)}${NARROW}%`;

/** For axes, three digits: 12.3M, 980k, 9.24B. */
export function formatCompact(value: number): string {
  const size = Math.abs(value);
  const [divisor, unit] = size >= 1e9 ? [1e9, 'B'] : size >= 1e6 ? [1e6, 'M'] : size >= 1e4 ? [1e3, 'k'] : [1, ''];
  const scaled = size / divisor;
  return `${formatNumber(value / divisor, unit === '' || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2)}${unit}`;
}

function sign(negative: boolean, notZero: boolean, signed: boolean): string {
  if (negative) return MINUS;
  return signed && notZero ? '+' : '';
}

/** Which way a figure points, for its colour; the sign in the text says the same. */
export type Direction = 'up' | 'down' | 'flat';
export function directionOf(value: number | string | null): Direction {
  if (value === null) return 'flat';
  if (typeof value === 'string') {
    if (!/[1-9]/.test(value)) return 'flat';
    return value.startsWith('-') ? 'down' : 'up';
  }
  return value > 0 ? 'up' : value < 0 ? 'down' : 'flat';
}

/** Exact sum of decimal strings with at most 9 decimals. */
export function sumExact(values: readonly string[]): string {
  let total = 0n;
  for (const value of values) {
    const [whole = '0', fraction = ''] = value.replace('-', '').split('.');
    const units = BigInt(whole + fraction.padEnd(9, '0'));
    total += value.startsWith('-') ? -units : units;
  }
  const digits = (total < 0n ? -total : total).toString().padStart(10, '0');
  const fraction = digits.slice(-9).replace(/0+$/, '');
  return `${total < 0n ? '-' : ''}${digits.slice(0, -9)}${fraction && `.${fraction}`}`;
}

/** Date and minute of an ISO time in UTC. */
export const formatMinute = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;

/** How long ago in words: 12 s, 3 min, 2 h. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}
