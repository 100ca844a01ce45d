/** The kinds of columns and figures that reports are made of, and what becomes of figures that are not known. */
import { TidemarkError } from '#streams/kit/errors.ts';
import { type Cell, type Field, type Figure, hasData, type NotesSection, type Section, type Subject } from './model.ts';

export const textField = (name: string, title: string): Field => field(name, title, 'text', null, 0);
export const dateField = (name: string, title: string): Field => field(name, title, 'date', null, 0);
export const timeField = (name: string, title: string): Field => field(name, title, 'time', null, 0);
/** A part of one, shown as per cent. */
export const shareField = (name: string, title: string, decimals = 2): Field =>
  field(name, title, 'share', null, decimals);
export const numberField = (name: string, title: string, unit: string | null = null, decimals = 2): Field =>
  field(name, title, 'number', unit, decimals);
export const countField = (name: string, title: string, unit: string | null = null): Field =>
  field(name, title, 'number', unit, 0);
/** An exact amount, as a decimal string. */
export const decimalField = (name: string, title: string, unit: string | null, decimals = 2): Field =>
  field(name, title, 'decimal', unit, decimals);

const field = (name: string, title: string, type: Field['type'], unit: string | null, decimals: number): Field => ({
  name,
  title,
  type,
  unit,
  decimals,
});

export const figure = (of: Field, value: Cell | undefined, note: string | null = null): Figure => ({
  ...of,
  value: of.type === 'number' || of.type === 'share' ? finite(value) : (value ?? null),
  note,
});

/** The number, or null where it is none: stores give NaN as text within lists. */
export const finite = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

/** a ÷ b; null where either is not known, or b is not positive. */
export const ratio = (a: number | null, b: number | null): number | null =>
  a === null || b === null || !(b > 0) ? null : finite(a / b);

/** A value that `quant/` computes, or why it is not defined. */
export function tried(compute: () => number): { readonly value: number | null; readonly problem: string | null } {
  try {
    return { value: finite(compute()), problem: null };
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    return { value: null, problem: `Not defined: ${error.message}` };
  }
}

/** ISO 8601 of microseconds since 1970 UTC, to the microsecond where it has any. */
export function timeOfMicros(micros: number | null): string | null {
  if (micros === null) return null;
  const whole = new Date(Math.floor(micros / 1000)).toISOString();
  const rest = ((micros % 1000) + 1000) % 1000;
  return rest === 0 ? whole : whole.replace('Z', `${String(rest).padStart(3, '0')}Z`);
}

/** Amounts are in the portfolio's currency; where reference data does not name it, they say so. */
export const currencyOf = ({ portfolio }: Subject): string => portfolio.currency ?? 'base currency';

/** A chart or a table that has data, or says why not. */
export function section<S extends Section>(value: Omit<S, 'empty' | 'about'> & { about?: string }, empty: string): S {
  const whole = { about: null, ...value, empty: null } as unknown as S;
  return { ...whole, empty: hasData(whole) ? null : empty };
}

/** How the figures were made. */
export const methodNotes = (notes: readonly (readonly [term: string, text: string])[]): NotesSection => ({
  kind: 'notes',
  name: 'method',
  title: 'Method',
  about: null,
  empty: null,
  notes: notes.map(([term, text]) => ({ term, text })),
});

/** What holds of all reports. */
export const COMMON_NOTES = [
  ['Days', 'All days and times are UTC.'],
  ['Signs', 'Profits are positive, losses negative; VaR, expected shortfall and drawdowns are positive losses.'],
  [
    'Missing figures',
    'A figure that is not known or not defined is left open with its reason; it is never set to zero.',
  ],
] as const satisfies readonly (readonly [string, string])[];
