/** Parsers of values that people write; each throws RangeError with what it expects. */
export type Parse<V> = (text: string) => V;

export const boolean: Parse<boolean> = (value) => {
  if (/^(true|yes|1)$/i.test(value)) return true;
  if (/^(false|no|0)$/i.test(value)) return false;
  throw new RangeError('true or false');
};

export const number =
  (min: number, max: number, kind: 'any' | 'whole' = 'any'): Parse<number> =>
  (value) => {
    const parsed = value.trim() === '' ? Number.NaN : Number(value);
    if (parsed >= min && parsed <= max && (kind === 'any' || Number.isInteger(parsed))) return parsed;
    throw new RangeError(`a ${kind === 'whole' ? 'whole ' : ''}number from ${min} to ${max}`);
  };

export const text =
  (expected: string, isRight: (value: string) => boolean): Parse<string> =>
  (value) => {
    if (isRight(value)) return value;
    throw new RangeError(expected);
  };

/** Several, joined by commas. */
export const list =
  <V>(one: Parse<V>): Parse<readonly V[]> =>
  (value) =>
    value.split(',').map((part) => one(part.trim()));

/** A day, YYYY-MM-DD. */
export const day: Parse<string> = (value) => {
  const isDay = /^\d{4}-\d\d-\d\d$/.test(value) && new Date(`${value}T00:00:00Z`).toJSON()?.slice(0, 10) === value;
  if (isDay) return value;
  throw new RangeError('a day such as 2008-09-15');
};

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `500ms`, `30s`, `1m`, `2h`, `5d`: milliseconds. */
export const duration =
  (minMs = 1): Parse<number> =>
  (value) => {
    const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(value.trim());
    const parsed = match ? Number(match[1]) * UNITS_MS[match[2] as keyof typeof UNITS_MS] : 0;
    if (parsed >= minMs) return parsed;
    throw new RangeError(`a duration of ${durationText(minMs)} or more, such as 30s, 1m, 2h or 5d`);
  };

/** As `duration` reads it. */
export function durationText(ms: number): string {
  const units = Object.entries(UNITS_MS).reverse();
  const [unit, lengthMs] = units.find(([, length]) => ms % length === 0)!;
  return `${ms / lengthMs}${unit}`;
}
