import { TidemarkError } from './errors.ts';

interface Definition {
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'url' | 'list';
  readonly default: string | null;
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
  /** Its value is never shown. */
  readonly secret?: true;
  readonly doc: string;
}
type Value<D extends Definition> = D['type'] extends 'integer' | 'number'
  ? number
  : D['type'] extends 'boolean'
    ? boolean
    : D['type'] extends 'list'
      ? readonly string[]
      : string;
/** Parsed settings: null only where the table's default is null. */
export type Settings<T extends Record<string, Definition>> = {
  readonly [K in keyof T]: T[K]['default'] extends null ? Value<T[K]> | null : Value<T[K]>;
};

/**
 * Reads settings from an environment. Variables that carry one of `prefixes` and are not in the table are refused, so that a
 * typing error does not pass for a default. Throws CONFIG_INVALID with every violation listed.
 */
export function readSettings<T extends Record<string, Definition>>(
  table: T,
  env: Readonly<Record<string, string | undefined>>,
  prefixes: readonly string[] = ['TIDEMARK_'],
): Settings<T> {
  const problems: string[] = [];
  for (const name of Object.keys(env)) {
    if (prefixes.some((prefix) => name.startsWith(prefix)) && !(name in table))
      problems.push(`${name} is not a setting${closest(name, Object.keys(table))}`);
  }
  const settings: Record<string, unknown> = {};
  for (const [name, definition] of Object.entries(table)) {
    const text = env[name] === undefined || env[name] === '' ? definition.default : env[name];
    settings[name] = text === null ? null : parse(name, text, definition, problems);
  }
  if (problems.length > 0)
    throw new TidemarkError('CONFIG_INVALID', `Wrong configuration:\n  ${problems.join('\n  ')}`);
  return settings as Settings<T>;
}

function parse(name: string, text: string, definition: Definition, problems: string[]): unknown {
  const shown = definition.secret ? '…' : text;
  const wrong = (expected: string) =>
    void problems.push(`${name}="${shown}": expected ${expected} (${definition.doc})`);
  switch (definition.type) {
    case 'integer':
    case 'number': {
      const value = text.trim() === '' ? Number.NaN : Number(text);
      const { min = -Infinity, max = Infinity, unit = '' } = definition;
      const kind = definition.type === 'integer' ? 'a whole number' : 'a number';
      if (!Number.isFinite(value) || (definition.type === 'integer' && !Number.isInteger(value)))
        return wrong(`${kind} ${unit}`.trim());
      if (value < min || value > max) return wrong(`${kind} from ${min} to ${max} ${unit}`.trim());
      return value;
    }
    case 'boolean':
      return /^(true|1|yes)$/i.test(text) || (/^(false|0|no)$/i.test(text) ? false : wrong('true or false'));
    case 'url':
      return URL.canParse(text) ? text : wrong('a URL');
    case 'list':
      return text
        .split(',')
        .map((part) => part.trim())
        .filter(Boolean);
    default:
      return text;
  }
}

/** `; did you mean X?` for the nearest known name, or nothing. */
export function closest(name: string, known: readonly string[]): string {
  const ranked = known
    .map((candidate) => [editDistance(name, candidate), candidate] as const)
    .sort((a, b) => a[0] - b[0]);
  const best = ranked[0];
  return best && best[0] <= Math.max(2, name.length / 4) ? `; did you mean ${best[1]}?` : '';
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
