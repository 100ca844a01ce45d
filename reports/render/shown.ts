import type { Field, Report, TypedCell } from '../model.ts';

/** What stands where a figure is not known. */
export const NONE = '–';
/** From here on digits would run out of every column. */
const HUGE = 1e15;

/** A value as people read it. */
export function shown({ type, decimals, value }: Pick<TypedCell, 'type' | 'decimals' | 'value'>): string {
  if (value === null) return type === 'text' ? '' : NONE;
  if (typeof value === 'number')
    return type === 'share' ? `${numberText(value * 100, decimals)} %` : numberText(value, decimals);
  if (type === 'decimal') return decimalText(value, decimals);
  if (type === 'time') return value.replace('T', ' ').replace(/(\.0+)?Z$/, '');
  return value;
}

/** A number is never shown as zero unless it is: what is less than the last decimal says so. */
function numberText(value: number, decimals: number): string {
  if (Math.abs(value) >= HUGE) return value.toPrecision(6);
  const text = value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  if (/[1-9]/.test(text)) return text;
  if (value === 0) return text.replace('-', '');
  const least = (10 ** -decimals).toFixed(decimals);
  return value > 0 ? `< ${least}` : `> -${least}`;
}

/** Exact amounts keep every digit, with at least `decimals` of them behind the point. */
function decimalText(text: string, decimals: number): string {
  const [, minus, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? ['', '', text];
  const grouped = whole!.replace(/\B(?=(\d{3})+$)/g, ',');
  const rest = fraction.replace(/0+$/, '').padEnd(decimals, '0');
  return `${minus}${grouped}${rest === '' ? '' : `.${rest}`}`;
}

/** `VaR, USD`. */
export const titleText = ({ title, unit }: Pick<Field, 'title' | 'unit'>): string =>
  unit === null ? title : `${title}, ${unit}`;

/** Numbers stand on the right. */
export const isNumeric = ({ type }: Pick<Field, 'type'>): boolean =>
  type === 'number' || type === 'share' || type === 'decimal';

/** What every page of a report says of it: of whom, of when, made when. */
export function headLines({ portfolio, asOf, period, generatedAt }: Report): {
  readonly portfolio: string;
  readonly asOf: string;
  readonly period: string | null;
  readonly generated: string;
} {
  const { id, name, currency } = portfolio;
  return {
    portfolio: `${name === id ? id : `${name} (${id})`}${currency === null ? '' : `, valued in ${currency}`}`,
    asOf: asOf === null ? 'no data' : `${asOf} UTC`,
    period: period === null ? null : `${period.from} to ${period.to}`,
    generated: `${generatedAt.slice(0, 19).replace('T', ' ')} UTC`,
  };
}
