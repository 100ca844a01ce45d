import { TidemarkError } from '#streams/kit/errors.ts';
import { FIELDS, type Field } from './bars.ts';
import { INDICATORS, indicator } from './table.ts';
import type { IndicatorDefinition } from './types.ts';

/** An indicator with its parameters: what `RSI(14)` or `EMA(20;high)` says. */
export interface IndicatorSpec {
  readonly definition: IndicatorDefinition;
  /** One for each that is declared, in that order. */
  readonly parameters: readonly number[];
  /** Of which series; null: of whole bars. */
  readonly source: Field | null;
  /** Shortest text that says it; two that are equal are the same indicator. */
  readonly text: string;
}

const invalid = (text: string, why: string) => new TidemarkError('PARAMETER_INVALID', `Indicator "${text}": ${why}`);

/**
 * Reads `NAME`, `NAME(parameters)` or `NAME(parameters;series)`: parameters in the order of the table, separated by commas, those left out at
 * their defaults; series one of open, high, low, close, volume, for indicators of a single series.
 * PARAMETER_INVALID where it is no indicator of the table, or not with these parameters.
 */
export function parseIndicator(text: string): IndicatorSpec {
  const match = /^\s*([A-Za-z0-9_]+)\s*(?:\(([^();]*)(?:;\s*([a-z]*)\s*)?\))?\s*$/.exec(text);
  if (!match)
    throw invalid(text, 'expected a name such as RSI, with parameters RSI(14), of another series RSI(14;high)');
  const definition = indicator(match[1]!.toUpperCase());
  if (!definition)
    throw invalid(text, `there is no ${match[1]}: known are ${INDICATORS.map(({ name }) => name).join(', ')}`);
  const parameters = parseParameters(text, definition, match[2] ?? '');
  const source = parseSource(text, definition, match[3]);
  return { definition, parameters, source, text: describe(definition, parameters, source) };
}

function parseParameters(text: string, definition: IndicatorDefinition, list: string): number[] {
  const given = list.trim() === '' ? [] : list.split(',').map((value) => value.trim());
  if (given.length > definition.parameters.length) {
    const names = definition.parameters.map(({ name }) => name).join(', ') || 'none';
    throw invalid(
      text,
      `${given.length} parameters, but ${definition.name} has ${definition.parameters.length}: ${names}`,
    );
  }
  const values = definition.parameters.map(({ name, default: fallback, min, max, isWhole = true }, index) => {
    const said = given[index];
    const value = said === undefined || said === '' ? fallback : Number(said);
    if (!(value >= min && value <= max) || (isWhole && !Number.isInteger(value)))
      throw invalid(text, `${name} is ${said}: expected a ${isWhole ? 'whole ' : ''}number from ${min} to ${max}`);
    return value;
  });
  const problem = definition.problem?.(values);
  if (problem) throw invalid(text, problem);
  return values;
}

function parseSource(text: string, definition: IndicatorDefinition, said: string | undefined): Field | null {
  if ('bars' in definition) {
    if (said === undefined) return null;
    throw invalid(text, `${definition.name} is calculated of ${definition.inputs.join(', ')}, not of one series`);
  }
  const source = FIELDS.find((field) => field === (said ?? 'close'));
  if (!source) throw invalid(text, `"${said}" is no series: expected one of ${FIELDS.join(', ')}`);
  return source;
}

function describe({ name, parameters }: IndicatorDefinition, values: readonly number[], source: Field | null): string {
  const ofOther = source !== null && source !== 'close' ? `;${source}` : '';
  return parameters.length === 0 && ofOther === '' ? name : `${name}(${values.join(',')}${ofOther})`;
}
