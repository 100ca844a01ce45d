import { TidemarkError } from '#streams/kit/errors.ts';

/** Reads the fields of a JSON object one by one. Each throws METADATA_MISSING or METADATA_INVALID with the field's path. */
export class Fields {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new TidemarkError('METADATA_INVALID', `${path || 'The metadata'} is no object`);
    this.#value = value as Record<string, unknown>;
    this.#path = path;
  }

  /** The error that a field is not what it should be. */
  wrong(field: string, expected: string): TidemarkError {
    const text = JSON.stringify(this.#value[field]) ?? 'undefined';
    const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
    return new TidemarkError('METADATA_INVALID', `${this.#at(field)} is ${shown}: expected ${expected}`);
  }

  isNull(field: string): boolean {
    return this.#get(field) === null;
  }

  object(field: string): Fields {
    return new Fields(this.#get(field), this.#at(field));
  }

  objects(field: string): Fields[] {
    const value = this.#get(field);
    if (!Array.isArray(value)) throw this.wrong(field, 'a list');
    return value.map((item, index) => new Fields(item, `${this.#at(field)}[${index}]`));
  }

  number(field: string, min: number, max: number): number {
    const value = this.#get(field);
    if (typeof value !== 'number' || !(value >= min && value <= max))
      throw this.wrong(field, `a number from ${min} to ${max}`);
    return value;
  }

  /** A whole number that a double holds. */
  whole(field: string, min: number): number {
    const value = this.#get(field);
    if (!Number.isSafeInteger(value) || (value as number) < min) throw this.wrong(field, `a whole number from ${min}`);
    return value as number;
  }

  matching(field: string, pattern: RegExp, expected: string): string {
    const value = this.#get(field);
    if (typeof value !== 'string' || !pattern.test(value)) throw this.wrong(field, expected);
    return value;
  }

  oneOf<T extends string>(field: string, choices: readonly T[]): T {
    const value = this.#get(field);
    if (!choices.includes(value as T)) throw this.wrong(field, choices.join(' or '));
    return value as T;
  }

  /** Names that are different and not empty, at least one. */
  names(field: string, max: number): string[] {
    const value = this.#get(field);
    const isSound =
      Array.isArray(value) &&
      value.length > 0 &&
      value.length <= max &&
      value.every((name) => typeof name === 'string' && name !== '') &&
      new Set(value).size === value.length;
    if (!isSound) throw this.wrong(field, `1 to ${max} different names`);
    return value as string[];
  }

  /** Finite numbers, as many as `count` unless that is null. */
  list(field: string, count: number | null): number[] {
    const value = this.#get(field);
    if (!Array.isArray(value) || !value.every(Number.isFinite) || (count !== null && value.length !== count))
      throw this.wrong(field, `a list of ${count ?? 'any number of'} finite numbers`);
    return value as number[];
  }

  numbers(field: string): Record<string, number> {
    return this.#record(field, Number.isFinite, 'finite numbers by name');
  }

  texts(field: string): Record<string, string> {
    return this.#record(field, (value) => typeof value === 'string' && value !== '', 'texts by name');
  }

  /** Anything by name; nothing where there is no such field. */
  recordOrNone(field: string): Record<string, unknown> {
    return Object.hasOwn(this.#value, field) ? this.#record(field, () => true, 'an object') : {};
  }

  #record<T>(field: string, isSound: (value: unknown) => boolean, expected: string): Record<string, T> {
    const value = this.#get(field);
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.values(value).every(isSound))
      throw this.wrong(field, expected);
    return value as Record<string, T>;
  }

  #get(field: string): unknown {
    if (!Object.hasOwn(this.#value, field))
      throw new TidemarkError('METADATA_MISSING', `The model's metadata have no ${this.#at(field)}`);
    return this.#value[field];
  }

  #at(field: string): string {
    return this.#path === '' ? field : `${this.#path}.${field}`;
  }
}

/** Throws METADATA_INVALID where a text is no JSON object. */
export function fieldsOf(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TidemarkError('METADATA_INVALID', 'The metadata are no JSON', { cause });
  }
  return new Fields(value, '');
}
