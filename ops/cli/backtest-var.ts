import cliProgress from 'cli-progress';
import { Command } from 'commander';
import {
  BASEL_DAYS,
  type Backtest,
  conditionalCoverage,
  independence,
  judge,
  kupiec,
  NO_DAYS,
  recentLight,
  shortfallTests,
  type TestResult,
  type TrafficLight,
} from '#quant/backtest.ts';
import { type Holdings, leastScenarios, METHOD_NAMES, METHODS, type Method, tailsBy } from '#quant/methods.ts';
import { tailProbability } from '#quant/tail.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { action, counted, note, printJson, printLine, table, wholeNumber } from './command.ts';
import { readReturns } from './returns-file.ts';
import { confidence, holdingsOf, methodOption, weights } from './risk.ts';

interface Flags {
  readonly returns: string;
  readonly method?: Method;
  readonly confidence: number;
  readonly window: number;
  readonly weights?: ReadonlyMap<string, number>;
  readonly seed: string;
  readonly json?: true;
}
/** How a method has done on a file. */
export interface Verdict {
  readonly method: Method;
  readonly observations: number;
  /** Days on which the method had no figure, e.g. because prices did not move. */
  readonly daysWithoutForecast: number;
  readonly exceptions: number;
  readonly expectedExceptions: number;
  readonly kupiec: TestResult | null;
  readonly independence: TestResult | null;
  readonly conditionalCoverage: TestResult | null;
  /** Of the last 250 days; null before there are as many. */
  readonly light: TrafficLight | null;
  /** Most exceptions in any 250 days, and the day on which there were first so many. */
  readonly worst: { readonly exceptions: number; readonly date: string; readonly light: TrafficLight } | null;
  readonly acerbiSzekely: { readonly z1: number | null; readonly z2: number } | null;
}

const DEFAULT_WINDOW = 250;
const RULES = `
For each day after the first --window ones, VaR and ES are taken from the --window days before it and held against the day's return. An
exception is a loss above VaR. p-values: of Kupiec's test (is their share right?), Christoffersen's (do they come in clusters?) and
both at once; a small one speaks against the method. Traffic light and multiplier as in the Basel Framework, for 250 days. Z2 of
Acerbi and Székely is 0 for a right ES. A right normal one falls below these in one of 20 cases: -1.13 over 250 days at 99 %,
-0.79 over 500, -0.19 over 8,000; -0.70 over 250 days at 97.5 %.
The file is as for: tidemark risk --help`;

export function backtestVarCommand(): Command {
  return new Command('backtest-var')
    .description('how value at risk by each method would have done on a file of returns')
    .requiredOption('--returns <file>', 'CSV or CSV.gz of daily returns')
    .addOption(methodOption())
    .option('--confidence <level>', 'level of VaR and ES', confidence, 0.99)
    .option('--window <days>', 'days that each forecast is taken from', wholeNumber(2), DEFAULT_WINDOW)
    .option('--weights <list>', 'instrument=weight,… of a file with a column for each instrument', weights)
    .option('--seed <text>', 'of what is drawn at random', 'tidemark')
    .option('--json', 'print JSON')
    .addHelpText('after', RULES)
    .action(action(backtestVar));
}

async function backtestVar(flags: Flags): Promise<number> {
  const file = await readReturns(flags.returns);
  const { window, confidence: level, seed } = flags;
  const holdings = holdingsOf(file, { weights: flags.weights, value: 1 });
  const days = file.dates.length - window;
  if (days < 1)
    throw new TidemarkError(
      'HISTORY_TOO_SHORT',
      `a window of ${window} days leaves nothing to judge: the file has ${counted(file.dates.length, 'row')}`,
    );
  const methods = flags.method ? [flags.method] : METHOD_NAMES;
  const able = methods.filter((method) => window >= leastScenarios(method, level));
  if (able.length === 0) {
    const least = Math.min(...methods.map((method) => leastScenarios(method, level)));
    throw new TidemarkError('HISTORY_TOO_SHORT', `--window ${window}: at this level at least ${least} days are needed`);
  }
  for (const method of methods.filter((name) => !able.includes(name)))
    note(`Left out: ${method} needs a window of ${leastScenarios(method, level)} days at this level.`);
  const progress = new Progress(flags.json ? null : process.stderr, able.length * days);
  const verdicts = able.map((method) =>
    verdictOf(method, holdings, file.dates, { window, confidence: level, seed, onDay: () => progress.step() }),
  );
  progress.stop();
  const [from, to] = [file.dates[window]!, file.dates.at(-1)!];
  if (flags.json) {
    const described = verdicts.map((verdict) => ({ ...verdict, description: METHODS[verdict.method] }));
    printJson({ days, from, to, confidence: level, window, seed, warnings: file.warnings, verdicts: described });
    return 0;
  }
  for (const warning of file.warnings) note(`Warning: ${warning}`);
  printLine(
    `${counted(days, 'day')}, ${from} to ${to}; VaR at ${Number((level * 100).toFixed(6))} % from ${window} days`,
  );
  for (const row of printed(verdicts)) printLine(row);
  return 0;
}

interface VerdictOptions {
  readonly window: number;
  readonly confidence: number;
  readonly seed: string;
  readonly onDay?: () => void;
}

/** Judges a method day by day. `dates`: of all of the holdings' scenarios, of which the first `window` are history only. */
export function verdictOf(
  method: Method,
  holdings: Holdings,
  dates: readonly string[],
  { window, confidence: level, seed, onDay }: VerdictOptions,
): Verdict {
  const p = tailProbability(level);
  const options = { confidences: [level], horizonsDays: [1], seed };
  let backtest: Backtest = NO_DAYS;
  let daysWithoutForecast = 0;
  let worst: { exceptions: number; date: string; light: TrafficLight } | null = null;
  for (let day = window; day < dates.length; day++) {
    onDay?.();
    const past: Holdings = {
      profits: holdings.profits.subarray(day - window, day),
      exposures: holdings.exposures,
      returns: holdings.returns.map((row) => row.subarray(day - window, day)),
    };
    try {
      const { valueAtRisk, expectedShortfall } = tailsBy(method, past, options)[0]!.tails[0]!;
      backtest = judge(backtest, holdings.profits[day]!, valueAtRisk, expectedShortfall);
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      daysWithoutForecast++;
      continue;
    }
    const light = recentLight(backtest, p);
    if (light && backtest.recent.length > (worst?.exceptions ?? -1))
      worst = { exceptions: backtest.recent.length, date: dates[day]!, light };
  }
  const { observations, exceptions } = backtest;
  const hasDays = observations > 0;
  const hasPairs = observations > 1;
  return {
    method,
    observations,
    daysWithoutForecast,
    exceptions,
    expectedExceptions: observations * p,
    kupiec: hasDays ? kupiec(backtest, p) : null,
    independence: hasPairs ? independence(backtest) : null,
    conditionalCoverage: hasPairs ? conditionalCoverage(backtest, p) : null,
    light: recentLight(backtest, p),
    worst,
    acerbiSzekely: hasDays ? shortfallTests(backtest, p) : null,
  };
}

const HEADER = ['method', 'exceptions', 'expected', 'Kupiec p', 'clusters p', 'both p', 'Z2', 'last 250', 'worst 250'];

function printed(verdicts: readonly Verdict[]): string[] {
  const pValue = (test: TestResult | null) => (test ? test.pValue.toFixed(4) : '-');
  const rows = verdicts.map(({ method, exceptions, expectedExceptions, light, worst, acerbiSzekely, ...tests }) => [
    method,
    String(exceptions),
    expectedExceptions.toFixed(1),
    pValue(tests.kupiec),
    pValue(tests.independence),
    pValue(tests.conditionalCoverage),
    acerbiSzekely ? acerbiSzekely.z2.toFixed(2) : '-',
    light
      ? `${light.zone}${light.multiplier === null ? '' : ` ${light.multiplier.toFixed(2)}`}`
      : `under ${BASEL_DAYS} days`,
    worst ? `${worst.light.zone}, ${worst.exceptions} by ${worst.date}` : '-',
  ]);
  return table([HEADER, ...rows], [1, 2, 3, 4, 5, 6]);
}

/** A bar on a terminal, nothing elsewhere. */
class Progress {
  readonly #bar: cliProgress.SingleBar | null;

  constructor(stream: NodeJS.WriteStream | null, total: number) {
    this.#bar = stream?.isTTY
      ? new cliProgress.SingleBar(
          {
            format: 'Judging {bar} {percentage} %  {eta_formatted} left',
            stream,
            hideCursor: true,
            clearOnComplete: true,
          },
          cliProgress.Presets.shades_classic,
        )
      : null;
    this.#bar?.start(total, 0);
  }

  step(): void {
    this.#bar?.increment();
  }

  stop(): void {
    this.#bar?.stop();
  }
}
