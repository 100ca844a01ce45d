import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { Command, Option } from 'commander';
import { buildReport, checkRequest, KIND_NAMES, KINDS } from '#reports/build.ts';
import { hasData, type Report } from '#reports/model.ts';
import { FORMAT_NAMES, formatOf, type ReportFormat } from '#reports/render/index.ts';
import { systemClock } from '#streams/kit/clock.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import { action, note } from './command.ts';
import { outputFailed, partialPath } from './export/output.ts';
import { findDatabase } from './running.ts';

interface Flags {
  readonly portfolio: string;
  readonly from?: string;
  readonly to?: string;
  readonly date?: string;
  readonly format?: ReportFormat;
  readonly out?: string;
  readonly section?: string;
}

const HELP = `
Kinds:
${KIND_NAMES.map((kind) => `  ${kind.padEnd(22)} ${KINDS[kind].about}`).join('\n')}

Days are UTC; --from and --to are both within. daily-risk takes --date (default: the newest day), the others --from and --to (default:
all there is). Without --format the ending of --out decides; without --out text goes to standard output, JSON unless said otherwise.
docs/reports.md says what each figure is.`;

export function reportCommand(): Command {
  return new Command('report')
    .description('a report on a portfolio, from what is stored, as JSON, CSV, Excel, PDF or HTML')
    .argument('<kind>', KIND_NAMES.join(', '))
    .requiredOption('--portfolio <id>', 'whose')
    .option('--from <day>', 'first day, YYYY-MM-DD')
    .option('--to <day>', 'last day, YYYY-MM-DD')
    .option('--date <day>', 'the day of a report of one day, YYYY-MM-DD')
    .addOption(new Option('--format <format>', 'how').choices(FORMAT_NAMES))
    .option('--out <file>', 'where to; default: standard output')
    .option('--section <name>', 'with CSV: one section alone, a header and its rows')
    .addHelpText('after', HELP)
    .action(action(report));
}

async function report(kind: string, flags: Flags): Promise<number> {
  const { out, section } = flags;
  const asked = checkRequest({ ...flags, kind });
  const format = formatOf(formatName(flags));
  if (section !== undefined && formatName(flags) !== 'csv')
    throw new TidemarkError('OPTION_FOREIGN', '--section is of --format csv: the other formats have all sections');
  if (out === undefined && !format.isText && process.stdout.isTTY)
    throw new TidemarkError('OPTION_MISSING', `${formatName(flags)} is no text for a terminal: add --out FILE`);
  const made = await fromDatabase((source) => buildReport(asked, source, systemClock.now()));
  const bytes = await format.render(made, section);
  tellEmpty(made);
  if (out === undefined) {
    await new Promise<void>((done, failed) => {
      process.stdout.write(bytes, (error) => (error ? failed(outputFailed('standard output', error)) : done()));
    });
  } else writeWhole(out, bytes);
  return 0;
}

/** Throws FORMAT_MISSING where the file's ending says nothing. */
function formatName({ format, out }: Flags): ReportFormat {
  if (format !== undefined) return format;
  if (out === undefined) return 'json';
  const ending = extname(out).slice(1).toLowerCase();
  const found = FORMAT_NAMES.find((name) => name === ending);
  if (found === undefined)
    throw new TidemarkError(
      'FORMAT_MISSING',
      `${out} does not end in a format: add --format ${FORMAT_NAMES.join('|')}`,
    );
  return found;
}

const UNDEFINED_TABLE = '42P01';

/** Throws NOT_RUNNING, CONFIG_INVALID, DATABASE_UNREACHABLE with what to do. */
async function fromDatabase<T>(work: (source: Parameters<typeof buildReport>[1]) => Promise<T>): Promise<T> {
  const url = findDatabase();
  const [{ openReadStore }, { openReportReads }] = await Promise.all([
    import('#sinks/postgres/read.ts'),
    import('#sinks/postgres/read-reports.ts'),
  ]);
  const read = openReadStore(url);
  const reports = openReportReads(url);
  try {
    return await work({ read, reports });
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    const hint =
      (error as { code?: string }).code === UNDEFINED_TABLE
        ? 'a table is missing: start Tidemark once with this database'
        : 'is it up, and DATABASE_URL right?';
    throw new TidemarkError('DATABASE_UNREACHABLE', `The database cannot be read: ${describeError(error)}; ${hint}`, {
      cause: error,
    });
  } finally {
    await Promise.all([read.close(), reports.close()]);
  }
}

/** Nobody should have to open a file to learn that there is nothing in it. */
function tellEmpty({ sections }: Report): void {
  const data = sections.filter(({ kind }) => kind !== 'notes');
  if (!data.some(hasData)) note(`The report has no data: ${data[0]?.empty}`);
}

/** The file is there under its name only when it is whole. Throws OUTPUT_FAILED. */
function writeWhole(out: string, bytes: Buffer): void {
  const partial = partialPath(out);
  try {
    writeFileSync(partial ?? out, bytes);
    if (partial !== null) renameSync(partial, out);
  } catch (error) {
    if (partial !== null) rmSync(partial, { force: true });
    throw outputFailed(out, error);
  }
}
