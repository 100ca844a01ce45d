import { extname } from 'node:path';
import { Command } from 'commander';
import { TidemarkError } from '#streams/kit/errors.ts';
import { action, counted, note, printJson, printLine } from './command.ts';
import { micros, parseRange, type TimeRange } from './replay/range.ts';
import { withSystem } from './running.ts';

interface Flags {
  readonly out: string;
  readonly from?: string;
  readonly to?: string;
  readonly portfolio?: readonly string[];
  readonly market: string;
  readonly asOf?: string;
  readonly replay?: string;
  readonly json?: true;
}
/** What is wanted of recorded topics. */
export interface FeaturesWanted {
  readonly out: string;
  readonly range: TimeRange;
  /** Empty: all. */
  readonly portfolios: readonly string[];
  readonly market: string;
  /** Only records of an earlier event time, microseconds; null: all. */
  readonly asOf: number | null;
  readonly replay: string | null;
}
/** What came of it. */
export interface FeaturesOutcome {
  readonly out: string;
  readonly rows: number;
  readonly portfolios: number;
  readonly limits: number;
  /** First and last day of the rows. */
  readonly from: string;
  readonly to: string;
  /** Rows whose labels are known, by horizon. */
  readonly labelled: Readonly<Record<string, number>>;
  readonly records: number;
  readonly seconds: number;
  /** Records that were left out because of what they say, by the error's code. */
  readonly refused: Readonly<Record<string, number>>;
}

const HELP = `
A row for each limit and trading day, as of the day's end, by event time: the features that breach prediction is trained on and serves, made by the
same code, of portfolio.pnl, risk.utilisation, risk.breaches and market.returns; breach1, breach5 and breach20 say whether the limit was breached
within so many trading days (null: not known yet). Days in breach and without a figure have no row. The same topics give the same file.

--from and --to are days in UTC, both within, or times. Everything before --from is read, since features look back for 250 days, and after --to for
the labels: leave 20 trading days between what you train on and what you test on. With --as-of nothing from that time on is read: the file is what it
would have been then, with labels as far as they were known. Unit and meaning of each column are in the metadata of the Parquet
file (pyarrow: read_schema(file).metadata[b"tidemark.columns"]) and in docs/predictions.md. FILE.csv gives text without them.

risk.utilisation is compacted and told once a commit, so days of a replay at full speed are missing. For every day:
  tidemark replay limits --name labels && tidemark features --replay labels --out features.parquet`;

const EXTENSIONS = ['.parquet', '.csv'];

/** A commander parser for an option that is given several times. */
const gathered = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export const featuresCommand = (): Command =>
  new Command('features')
    .description('write the features of breach prediction, with labels, to a Parquet or CSV file')
    .requiredOption('--out <file>', 'where to; .parquet or .csv')
    .option('--from <time>', 'first day or time of the rows (default: the beginning)')
    .option('--to <time>', 'last day or time (default: the end)')
    .option('--portfolio <id>', 'only this one, any number of times (default: all)', gathered)
    .option('--as-of <time>', 'only what was recorded with an earlier event time (default: all)')
    .option('--market <instrument>', 'whose returns are the market', 'SP500')
    .option('--replay <name>', 'take what a replay has written in place of the live topics')
    .option('--json', 'print the outcome as JSON, and no progress')
    .addHelpText('after', HELP)
    .action(action(features));

async function features({ from, to, asOf, portfolio, json, replay, ...flags }: Flags): Promise<number> {
  const extension = extname(flags.out).toLowerCase();
  if (!EXTENSIONS.includes(extension)) {
    const message = `--out ${flags.out}: the name says the format, and must end with ${EXTENSIONS.join(' or ')}`;
    throw new TidemarkError('OPTION_INVALID', message);
  }
  const wanted: FeaturesWanted = {
    ...flags,
    range: parseRange(from, to),
    portfolios: portfolio ?? [],
    asOf: asOf === undefined ? null : micros('--as-of', asOf),
    replay: replay ?? null,
  };
  const outcome = await withSystem(async (system) => {
    const { writeFeatures } = await import('./features/write.ts');
    return writeFeatures(system, wanted, json ? null : process.stderr);
  });
  if (json) printJson(outcome);
  else {
    printLine(outcomeLine(outcome));
    for (const [code, count] of Object.entries(outcome.refused)) note(`${counted(count, 'record')} left out: ${code}`);
  }
  return 0;
}

/** `1,234 rows of 3 portfolios …`. */
export function outcomeLine({ rows, portfolios, limits, from, to, out, records, seconds }: FeaturesOutcome): string {
  const of = `${counted(portfolios, 'portfolio')} and ${counted(limits, 'limit')}, ${from} to ${to}`;
  return `${counted(rows, 'row')} of ${of}, in ${out} (${counted(records, 'record')} read in ${seconds.toFixed(1)} s)`;
}
