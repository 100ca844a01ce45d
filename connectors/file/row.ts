import { idProblem, recordIdProblem } from '#schemas/checks.ts';
import { DecimalError, parseDecimal } from '#schemas/decimal.ts';
import { isCurrencyCode } from '#schemas/fx.ts';
import { parseTime } from './time.ts';
import type { UniqueIds } from './unique-ids.ts';

export interface RowProblem {
  /** Empty when the whole line is at fault. */
  readonly column: string;
  readonly value: string;
  readonly reason: string;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/;

/**
 * One row's fields by column name, each taken by a method that checks it. A value that fails is reported in `problems` and a
 * stand-in is returned, so that one pass finds every problem of a row. One object serves all rows of a file.
 */
export class Row {
  readonly fields: string[] = [];
  readonly problems: RowProblem[] = [];
  /** Counted from 1 over all rows of the file, good and bad: the same whenever the file is read. */
  number = 0;
  readonly #index: ReadonlyMap<string, number>;
  /** The wall clock that event times are held against. */
  readonly nowMs: number;
  readonly #ids: UniqueIds;

  /** `index`: place of each column. `ids`: of the file, for all passes over it. */
  constructor(index: ReadonlyMap<string, number>, nowMs: number, ids: UniqueIds) {
    this.#index = index;
    this.nowMs = nowMs;
    this.#ids = ids;
  }

  report(column: string, value: string, reason: string): void {
    this.problems.push({ column, value, reason });
  }

  isEmpty(column: string): boolean {
    return this.#text(column) === '';
  }

  /** Microseconds since 1970-01-01 UTC. */
  time(column: string): number {
    return this.#time(column, this.nowMs);
  }

  /** The same of what may lie ahead of the clock. */
  timeToCome(column: string): number {
    return this.#time(column, Number.POSITIVE_INFINITY);
  }

  #time(column: string, nowMs: number): number {
    const text = this.#required(column);
    if (text === '') return 0;
    const time = parseTime(text, nowMs);
    if (typeof time === 'number' && Number.isSafeInteger(time)) return time;
    this.report(column, text, typeof time === 'string' ? time : 'is further ahead than the year 2255');
    return 0;
  }

  id(column: string): string {
    const text = this.#required(column);
    const problem = text === '' ? null : idProblem(column, text);
    if (problem) this.report(column, text, problem);
    return text;
  }

  /** An id of a record that some row, here or elsewhere, has given it. */
  recordId(column: string): string {
    const text = this.#required(column);
    const problem = text === '' ? null : recordIdProblem(column.replace(/Id$/, ''), text);
    if (problem) this.report(column, text, problem);
    return text;
  }

  /** An id that no other row of the file has within `scope`, and that does not begin with `reserved`, as ids made for rows without one do. */
  uniqueId(column: string, scope: string, reserved: string): string {
    const text = this.#text(column);
    const problem = recordIdProblem(column.replace(/Id$/, ''), text);
    if (problem) this.report(column, text, problem);
    else if (reserved !== '' && text.startsWith(reserved))
      this.report(column, text, `begins with "${reserved}", which rows without an id get`);
    else this.#refuseRepeated(column, scope, text);
    return text;
  }

  /** An id without "/" that no other row of the file has within `scope`. Where the row has none it is `made`; null: that is not known. */
  ownId(column: string, scope: string, made: string | null): string {
    const text = this.#text(column) || made;
    if (text === null) return '';
    const problem = idProblem(column.replace(/Id$/, ''), text);
    if (problem) this.report(column, text, problem);
    else this.#refuseRepeated(column, scope, text);
    return text;
  }

  #refuseRepeated(column: string, scope: string, id: string): void {
    const earlier = this.#ids.earlierRow(`${scope}/${id}`, this.number);
    if (earlier !== null) this.report(column, id, `row ${earlier} of this file has it already`);
  }

  mustBeEmpty(column: string, reason: string): void {
    const text = this.#text(column);
    if (text !== '') this.report(column, text, reason);
  }

  oneOf<T extends string>(column: string, values: readonly T[]): T {
    const text = this.#required(column);
    const found = values.find((value) => value === text);
    if (found === undefined && text !== '') this.report(column, text, `expected ${values.join(' or ')}`);
    return found ?? values[0]!;
  }

  /** A finite double above zero. */
  positiveNumber(column: string): number {
    const text = this.#required(column);
    if (text === '') return 0;
    const value = NUMBER.test(text) ? Number(text) : Number.NaN;
    if (!Number.isFinite(value)) this.report(column, text, 'is not a number (digits and a decimal point only)');
    else if (value <= 0) this.report(column, text, 'must be greater than zero');
    return value;
  }

  /** A whole number from 0, without leading zeros: what is equal is written alike. */
  count(column: string): number {
    const text = this.#required(column);
    if (text === '') return 0;
    const value = /^(0|[1-9]\d*)$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value)) this.report(column, text, 'is not a whole number from 0');
    return value;
  }

  /** `price:size` of levels with spaces between them, none where it is empty; prices above zero, sizes from 0. */
  levels(column: string): { readonly price: number; readonly size: number }[] {
    const levels = [];
    for (const text of this.#text(column).split(' ')) {
      if (text === '') continue;
      const [price = '', size = '', ...rest] = text.split(':');
      const level = { price: Number(price), size: Number(size) };
      const isSound =
        NUMBER.test(price) && NUMBER.test(size) && rest.length === 0 && level.price > 0 && level.size >= 0;
      if (!isSound || !Number.isFinite(level.price + level.size)) {
        this.report(column, text, 'is not price:size, a price above zero and a size from 0');
        break;
      }
      levels.push(level);
    }
    return levels;
  }

  decimal(column: string): bigint {
    return this.#decimal(column, () => null);
  }
  positiveDecimal(column: string): bigint {
    return this.#decimal(column, (value) => (value > 0n ? null : 'must be greater than zero'));
  }
  nonZeroDecimal(column: string): bigint {
    return this.#decimal(column, (value) => (value === 0n ? 'must not be zero' : null));
  }

  /** An ISO 4217 code. */
  currency(column: string): string {
    const text = this.#required(column);
    if (!isCurrencyCode(text)) this.report(column, text, 'is not a currency of three capital letters, e.g. EUR');
    return text;
  }

  #decimal(column: string, problem: (value: bigint) => string | null): bigint {
    const text = this.#required(column);
    if (text === '') return 0n;
    try {
      const value = parseDecimal(text);
      const reason = problem(value);
      if (reason !== null) this.report(column, text, reason);
      return value;
    } catch (error) {
      if (!(error instanceof DecimalError)) throw error;
      this.report(column, text, error.message);
      return 0n;
    }
  }

  #required(column: string): string {
    const text = this.#text(column);
    if (text === '') this.report(column, '', 'is empty');
    return text;
  }

  #text(column: string): string {
    const place = this.#index.get(column);
    return place === undefined ? '' : (this.fields[place] ?? '');
  }
}
