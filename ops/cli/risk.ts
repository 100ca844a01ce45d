import { Command, InvalidArgumentError, Option } from 'commander';
import { MonteCarloGraph } from '#ml/model/monte-carlo.ts';
import {
  type Holdings,
  leastScenarios,
  METHOD_NAMES,
  METHODS,
  type Method,
  type MethodFigures,
  type MethodOptions,
  simulatedTails,
  tailsBy,
} from '#quant/methods.ts';
import { SETTINGS } from '#schemas/settings.ts';
import { readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { action, counted, note, printJson, printLine, table, wholeNumber } from './command.ts';
import { type ReturnsFile, readReturns } from './returns-file.ts';

export interface RiskFlags {
  readonly returns: string;
  readonly method?: Method;
  readonly confidence?: number;
  readonly window?: number | undefined;
  readonly horizon: number;
  readonly weights?: ReadonlyMap<string, number> | undefined;
  readonly value: number;
  readonly seed: string;
  readonly paths?: number | undefined;
  readonly monteCarlo: MonteCarlo;
  readonly json?: true;
}
/** What draws the paths of the method monte-carlo. */
type MonteCarlo = 'typescript' | 'onnx';
/** VaR and ES by one method at one level; null, with the problem, where the method cannot say. */
interface Line {
  readonly method: Method;
  readonly confidence: number;
  readonly horizonDays: number;
  readonly valueAtRisk: number | null;
  readonly expectedShortfall: number | null;
  readonly sampling: MethodFigures['sampling'];
  readonly paths: number;
  readonly problem: { readonly code: string; readonly message: string } | null;
}

const CONFIDENCES = [0.95, 0.975, 0.99];
const MAX_PATHS = 10_000_000;
const RULES = `
The file has the columns date,return, or date and a column of returns for each instrument; then --weights says how much is held of
each, as a share of the whole: AAPL=0.6,MSFT=-0.2. Returns are simple ones, 0.0123 for 1.23 %, oldest first.
VaR and ES are positive losses, in shares of the value held, or in currency with --value.

Methods:
${METHOD_NAMES.map((name) => `  ${name.padEnd(20)} ${METHODS[name]}`).join('\n')}`;

export function riskCommand(): Command {
  return new Command('risk')
    .description('value at risk and expected shortfall of a file of returns')
    .requiredOption('--returns <file>', 'CSV or CSV.gz of daily returns')
    .addOption(methodOption())
    .option('--confidence <level>', 'one level, 0.5 to below 1 (default: 0.95, 0.975 and 0.99)', confidence)
    .option('--window <days>', 'only the last so many rows (default: all)', wholeNumber(2))
    .option('--horizon <days>', 'trading days ahead', wholeNumber(1, 1_000), 1)
    .option('--weights <list>', 'instrument=weight,… of a file with a column for each instrument', weights)
    .option('--value <amount>', 'what is held, in currency', amount, 1)
    .option('--seed <text>', 'of what is drawn at random; the same seed gives the same figures', 'tidemark')
    .option(
      '--paths <count>',
      'drawn by monte-carlo, and by filtered-historical beyond one day',
      wholeNumber(2, MAX_PATHS),
    )
    .addOption(monteCarloOption())
    .option('--json', 'print JSON')
    .addHelpText('after', RULES)
    .action(action(risk));
}

/** `--method`, with the names in its help. */
export const methodOption = (): Option =>
  new Option('--method <name>', 'one method (default: all)').choices(METHOD_NAMES);

const monteCarloOption = (): Option =>
  new Option('--monte-carlo <how>', 'what draws the paths: onnx as TIDEMARK_ONNX_PROVIDERS says, e.g. on a GPU')
    .choices(['typescript', 'onnx'] satisfies MonteCarlo[])
    .default('typescript');

/** A commander parser for confidence levels. */
export function confidence(text: string): number {
  const level = text.trim() === '' ? Number.NaN : Number(text);
  if (level > 1 && level < 100) throw new InvalidArgumentError(`Write ${level / 100} for ${level} %.`);
  if (!(level >= 0.5 && level < 1))
    throw new InvalidArgumentError('Expected a level from 0.5 to below 1, such as 0.99.');
  return level;
}

function amount(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value > 0 && value < 1e100)) throw new InvalidArgumentError('Expected a number greater than 0.');
  return value;
}

/** A commander parser for `AAPL=0.6,MSFT=-0.2`. */
export function weights(text: string): Map<string, number> {
  const parts = text.split(',').map((part) => /^\s*([^=]+?)\s*=\s*(\S+)\s*$/.exec(part));
  const entries = parts.map((part) => [part?.[1] ?? '', part ? Number(part[2]) : Number.NaN] as const);
  const wrong = entries.findIndex(([, weight]) => !(Math.abs(weight) < 1e6));
  if (wrong >= 0) throw new InvalidArgumentError(`"${text.split(',')[wrong]}": expected INSTRUMENT=WEIGHT.`);
  if (new Set(entries.map(([name]) => name)).size < entries.length)
    throw new InvalidArgumentError('An instrument is named twice.');
  return new Map(entries);
}

/**
 * What the file's rows say of the holdings. Throws WEIGHTS_MISSING, WEIGHTS_UNKNOWN with what to do, HISTORY_TOO_SHORT for a window
 * longer than the file.
 */
export function holdingsOf(
  file: ReturnsFile,
  { weights: shares, value, window }: Pick<RiskFlags, 'weights' | 'value' | 'window'>,
): Holdings {
  const names = file.columns.map(({ name }) => name);
  if (names.length > 1 && !shares)
    throw new TidemarkError(
      'WEIGHTS_MISSING',
      `the file has ${counted(names.length, 'column')}: say what is held with --weights ${names[0]}=0.5,${names[1]}=0.5`,
    );
  const unknown = [...(shares?.keys() ?? [])].filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new TidemarkError(
      'WEIGHTS_UNKNOWN',
      `no column is called ${unknown.join(', ')}: the file has ${names.join(', ')}`,
    );
  const rows = file.dates.length;
  if (window !== undefined && window > rows)
    throw new TidemarkError('HISTORY_TOO_SHORT', `--window ${window}: the file has ${counted(rows, 'row')}`);
  const returns = file.columns.map((column) => column.returns.slice(rows - (window ?? rows)));
  const exposures = Float64Array.from(names, (name) => (shares ? (shares.get(name) ?? 0) : 1) * value);
  const profits = returns[0]!.map((_, day) =>
    returns.reduce((sum, row, index) => sum + exposures[index]! * row[day]!, 0),
  );
  return { profits, exposures, returns };
}

async function risk(flags: RiskFlags): Promise<number> {
  const file = await readReturns(flags.returns);
  const holdings = holdingsOf(file, flags);
  const methods = flags.method ? [flags.method] : METHOD_NAMES;
  const confidences = flags.confidence === undefined ? CONFIDENCES : [flags.confidence];
  const lines: Line[] = [];
  for (const method of methods) lines.push(...(await linesOf(method, holdings, confidences, flags)));
  const { length } = holdings.profits;
  const [from, to] = [file.dates.at(-length)!, file.dates.at(-1)!];
  if (flags.json) {
    const { horizon: horizonDays, value, seed, monteCarlo } = flags;
    const measures = lines.map((line) => ({ ...line, description: METHODS[line.method] }));
    printJson({ rows: length, from, to, horizonDays, value, seed, monteCarlo, warnings: file.warnings, measures });
  } else {
    for (const warning of file.warnings) note(`Warning: ${warning}`);
    printLine(`${counted(length, 'day')}, ${from} to ${to}; ${counted(flags.horizon, 'day')} ahead`);
    for (const row of printed(lines)) printLine(row);
  }
  return lines.some(({ problem }) => problem === null) ? 0 : 1;
}

async function linesOf(
  method: Method,
  holdings: Holdings,
  confidences: readonly number[],
  { horizon: horizonDays, seed, paths: wanted, monteCarlo }: RiskFlags,
): Promise<Line[]> {
  const line = { method, horizonDays, sampling: null, paths: 0 };
  const none = { valueAtRisk: null, expectedShortfall: null };
  // One level too high for so short a history must not hide the others.
  const possible = confidences.filter((level) => holdings.profits.length >= leastScenarios(method, level));
  const short = confidences
    .filter((level) => !possible.includes(level))
    .map((level): Line => {
      const message = `needs at least ${leastScenarios(method, level)} days`;
      return { ...line, ...none, confidence: level, problem: { code: 'HISTORY_TOO_SHORT', message } };
    });
  if (possible.length === 0) return short;
  try {
    const options = { confidences: possible, horizonsDays: [horizonDays], seed, ...(wanted && { paths: wanted }) };
    const isGraph = method === 'monte-carlo' && monteCarlo === 'onnx';
    const [figures] = isGraph ? await graphTails(holdings, options) : tailsBy(method, holdings, options);
    const { tails, sampling, paths } = figures!;
    const known = possible.map((level, index): Line => {
      return { ...line, ...tails[index]!, confidence: level, sampling, paths, problem: null };
    });
    return [...known, ...short];
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    const problem = { code: error.code, message: error.message };
    return confidences.map((level): Line => ({ ...line, ...none, confidence: level, problem }));
  }
}

async function graphTails(holdings: Holdings, options: MethodOptions): Promise<MethodFigures[]> {
  const { TIDEMARK_ONNX_PROVIDERS: providers, TIDEMARK_ONNX_THREADS: threads } = readSettings(SETTINGS, process.env);
  const graph = await MonteCarloGraph.open({ providers, threads });
  try {
    return await simulatedTails((...args) => graph.profits(...args), holdings, options);
  } finally {
    await graph.close();
  }
}

const DIGITS = 6;

function printed(lines: readonly Line[]): string[] {
  const number = (value: number) => value.toPrecision(DIGITS);
  const rows = lines.map(({ method, confidence: level, valueAtRisk, expectedShortfall, problem }) => [
    method,
    `${Number((level * 100).toFixed(6))} %`,
    valueAtRisk === null ? '-' : number(valueAtRisk),
    expectedShortfall === null ? '-' : number(expectedShortfall),
    problem ? `${problem.code}: ${problem.message}` : '',
  ]);
  return table([['method', 'level', 'VaR', 'ES', ''], ...rows], [1, 2, 3]);
}
