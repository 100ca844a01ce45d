import { join } from 'node:path';
import cliProgress from 'cli-progress';
import { Command } from 'commander';
import type { IngestProgress, IngestReport } from '#connectors/file/ingest.ts';
import { FILE_KINDS, type FileKindName, fileKind } from '#connectors/file/kinds.ts';
import { action, counted, grouped, note, printJson, printLine } from './command.ts';
import { findSystem, homeFolder, openSystem } from './running.ts';

interface Options {
  readonly id?: string;
  readonly skipBad?: true;
  readonly rejects?: string;
  readonly json?: true;
}

const EXAMPLES: Readonly<Record<FileKindName, string>> = {
  trades: 'time,instrument,price,size\n  2024-01-05T15:30:00.250Z,AAPL,181.18,100',
  fills:
    'time,portfolio,instrument,side,quantity,price,commission,fillId\n  2024-01-05T15:30:01Z,my-desk,AAPL,BUY,100,181.20,1.00,F-1',
  cash: 'time,portfolio,amount\n  2024-01-02,my-desk,1000000',
  'corporate-actions':
    'instrument,type,exTime,newUnits,oldUnits,amount\n  AAPL,SPLIT,2020-08-31,4,1,\n  KO,CASH_DIVIDEND,2024-03-14,,,0.485',
  book: 'time,instrument,kind,sequence,bids,asks\n  2024-01-05T15:30:00Z,BTCUSD,SNAPSHOT,100,43999.5:2 43999:1.5,44000:0.7\n  2024-01-05T15:30:00.1Z,BTCUSD,DELTA,101,43999.5:0,',
};

const RULES = `
The first line names the columns, in any order. Comma-separated, UTF-8, quotes as usual, plain or gzip. Times are ISO 8601 or an
epoch in s, ms, µs or ns, told apart by magnitude (nanoseconds are cut to microseconds); a time without a zone is UTC.
All rows are checked before the first is sent. One bad row, and nothing is sent (exit code 1), unless --skip-bad; what is wrong is in
the rejects file, by line and column. Ingesting the same content again adds nothing, and after an interruption only what is missing:
the ingest is known by the SHA-256 of its content, or by --id. Two runs of one ingest at a time are kept apart on this machine.`;

export function ingestCommand(): Command {
  const command = new Command('ingest').description(
    'bring trades, fills, cash movements, splits and dividends or order books in from a CSV file',
  );
  for (const name of Object.keys(FILE_KINDS) as FileKindName[]) {
    const kind = fileKind(name);
    const columns = kind.columns.map(
      (column) => `  ${column.name.padEnd(11)} ${column.doc}${column.required ? '' : ' (optional)'}`,
    );
    command
      .command(`${name} <file>`)
      .description(`${name} from a CSV or CSV.gz file into ${kind.topic}`)
      .option('--id <id>', 'name of this ingest (default: SHA-256 of the content)')
      .option('--skip-bad', 'ingest the good rows of a file that has bad ones')
      .option('--rejects <file>', 'where to write what is wrong (default: <file>.rejects.csv)')
      .option('--json', 'print the outcome as JSON, and no progress')
      .addHelpText('after', `\nColumns:\n${columns.join('\n')}\n\nExample:\n  ${EXAMPLES[name]}\n${RULES}`)
      .action(action((file: string, options: Options) => ingest(name, file, options)));
  }
  return command;
}

async function ingest(kind: FileKindName, file: string, options: Options): Promise<number> {
  // Before minutes of checking a large file: is there a system at all?
  findSystem();
  // Only a run pays for loading the Kafka client, not --help.
  const { ingestFile } = await import('#connectors/file/ingest.ts');
  const progress = new Progress(options.json ? null : process.stderr);
  const { id, rejects, skipBad = false } = options;
  const lockFolder = join(homeFolder(), 'locks');
  const interrupted = () => {
    progress.stop();
    note(
      progress.isSending
        ? 'Interrupted. The same command again adds what is missing.'
        : 'Interrupted. Nothing was added.',
    );
    process.exit(INTERRUPTED);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  let report: IngestReport;
  try {
    const onProgress = (now: IngestProgress) => progress.show(now);
    report = await ingestFile({ kind, file, id, rejects, skipBad, lockFolder, onProgress }, openSystem);
  } finally {
    progress.stop();
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  }
  if (options.json) printJson(report);
  else for (const line of reportLines(report)) printLine(line);
  return report.outcome === 'REFUSED' ? 1 : 0;
}

const NOUNS: Readonly<Record<FileKindName, string>> = {
  trades: 'trade',
  fills: 'fill',
  cash: 'cash movement',
  'corporate-actions': 'corporate action',
  book: 'update',
};

/** The outcome in words. */
export function reportLines(report: IngestReport): string[] {
  const { kind, topic, rows, badRows, added, alreadyThere, durationMs, firstProblems } = report;
  const noun = NOUNS[kind];
  const lines = firstProblems.map(
    ({ line, column, value, reason }) => `  line ${line}${column && `, ${column}`}${value && ` "${value}"`}: ${reason}`,
  );
  if (badRows > 0) {
    lines.unshift(`${counted(badRows, 'bad row')} of ${grouped(rows)}:`);
    lines.push(`What is wrong with each is in ${report.rejectsFile}`);
  }
  if (report.outcome === 'REFUSED')
    lines.push('Nothing was added. Mend the file, or ingest its good rows with --skip-bad.');
  else if (report.outcome === 'ALREADY_DONE')
    lines.push(`All ${counted(alreadyThere, noun)} are in ${topic} already: nothing was added.`);
  else {
    const seconds = `${(durationMs / 1000).toFixed(1)} s`;
    const rate = rows < MINIMUM_RATED_ROWS ? '' : `, ${grouped(Math.round((rows / durationMs) * 1000))} rows/s`;
    const before = alreadyThere > 0 ? ` (${grouped(alreadyThere)} were there from an interrupted run)` : '';
    lines.push(`${counted(added, noun)} added to ${topic}${before} in ${seconds}${rate}.`);
  }
  lines.push(`Ingest ${report.id}`);
  return lines;
}

/** Exit code after Ctrl-C, as shells have it. */
const INTERRUPTED = 130;
const LINE_INTERVAL_MS = 2_000;
/** A rate of fewer rows says more about the start of the program than about the ingest. */
const MINIMUM_RATED_ROWS = 10_000;

/** A bar on a terminal, elsewhere a line every two seconds; nothing without a stream. */
class Progress {
  readonly #stream: NodeJS.WriteStream | null;
  readonly #bar: cliProgress.SingleBar | null;
  #phase: IngestProgress['phase'] | null = null;
  #lineAtMs = Date.now();

  constructor(stream: NodeJS.WriteStream | null) {
    this.#stream = stream;
    const format = '{phase} {bar} {percentage} %  {rows} rows  {eta_formatted} left';
    this.#bar = stream?.isTTY
      ? new cliProgress.SingleBar(
          { format, stream, hideCursor: true, clearOnComplete: true, gracefulExit: false },
          cliProgress.Presets.shades_classic,
        )
      : null;
  }

  /** False as long as no row can have been sent. */
  get isSending(): boolean {
    return this.#phase === 'sending';
  }

  show({ phase, rows, bytes, totalBytes }: IngestProgress): void {
    const payload = { phase: phase === 'checking' ? 'Checking' : 'Sending ', rows: grouped(rows) };
    const changed = phase !== this.#phase;
    this.#phase = phase;
    if (this.#bar) {
      if (changed) this.#bar.start(totalBytes, bytes, payload);
      else this.#bar.update(bytes, payload);
      return;
    }
    if (!this.#stream || Date.now() - this.#lineAtMs < LINE_INTERVAL_MS) return;
    this.#lineAtMs = Date.now();
    const percent = totalBytes === 0 ? 100 : Math.floor((bytes / totalBytes) * 100);
    this.#stream.write(`${payload.phase.trim()}: ${percent} %, ${payload.rows} rows\n`);
  }

  stop(): void {
    this.#bar?.stop();
  }
}
