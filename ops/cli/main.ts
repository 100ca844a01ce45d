import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import { backtestVarCommand } from './backtest-var.ts';
import { breachesCommand } from './breaches.ts';
import { action, note, wholeNumber } from './command.ts';
import { deadLettersCommand } from './dead-letters.ts';
import { describeCommand } from './describe.ts';
import { doctorCommand } from './doctor.ts';
import { exportCommand } from './export.ts';
import { featuresCommand } from './features.ts';
import { ingestCommand } from './ingest.ts';
import { limitsCommand, switchCommand } from './limits.ts';
import { modelsCommand } from './models.ts';
import { replayCommand } from './replay.ts';
import { reportCommand } from './report.ts';
import { resetCommand } from './reset.ts';
import { riskCommand } from './risk.ts';
import { topicsCommand } from './topics.ts';
import { workflowsCommand } from './workflows.ts';

const USAGE_ERROR = 2;
const EXAMPLES = `
Examples:
  tidemark start --speed 100                     everything, replaying 100 trading days a second
  tidemark ingest trades trades.csv.gz           trades of yours, as often as you like: they go in once
  tidemark ingest fills fills.csv --skip-bad     good rows in, bad ones to fills.csv.rejects.csv
  tidemark export portfolio.pnl --key momentum --from 2008-09-01 --to 2008-12-31 --format csv --out crisis.csv
  tidemark describe positions --mermaid          a topology as a picture
  tidemark dead-letters list                     what topologies set aside, and why
  tidemark risk --returns fund.csv               value at risk of a file of daily returns, by six methods
  tidemark backtest-var --returns fund.csv       and how each of them would have done
  tidemark report daily-risk --portfolio momentum --out risk.pdf    a report as PDF, Excel, CSV, HTML or JSON
  tidemark limits list --portfolio momentum      limits, and what they stand at
  tidemark switch halted --by anna --reason drill    no order passes any more
  tidemark breaches ack momentum/var-99/3 --portfolio momentum --by anna --reason "hedged by now"
  tidemark workflows set halt.json --by anna     what is done about incidents (docs/response.md)
  tidemark models rollback breach --by anna --reason "alarms at random since Monday"
  tidemark replay risk --from 2007-06-01 --to 2009-06-30 --set window=250    what risk would have said, beside what it says
  tidemark features --out features.parquet       what breach prediction is trained on, with labels
  tidemark doctor                                what is missing on this machine, and what to do`;

interface StartFlags {
  readonly speed?: number;
  readonly demo: boolean;
  readonly from?: string;
  readonly to?: string;
  readonly port?: number;
}

function startCommand(): Command {
  const day = (text: string) => {
    if (!/^\d{4}-\d\d-\d\d$/.test(text)) throw new InvalidArgumentError('Expected a day, YYYY-MM-DD.');
    return text;
  };
  return new Command('start')
    .description('start everything that is not running elsewhere, and replay the shipped history')
    .option('--speed <days>', 'trading days per second; 0: as fast as it goes (default: 50)', nonNegative)
    .option('--no-demo', 'start without the replay and the demo portfolios')
    .option('--from <day>', 'first day to replay, YYYY-MM-DD', day)
    .option('--to <day>', 'last day to replay, YYYY-MM-DD', day)
    .option('--port <port>', 'port of the page (default: 4000)', wholeNumber(0, 65_535))
    .action(
      action(async (flags: StartFlags) => {
        const { start } = await import('./start.ts');
        return start(flags);
      }),
    );
}

function nonNegative(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= 0 && value < Infinity)) throw new InvalidArgumentError('Expected a number of 0 or more.');
  return value;
}

/** The whole command line. */
export function tidemark(): Command {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const program = new Command('tidemark')
    .description('Trading risk on Kafka: market data and orders in, exactly-once P&L and risk out')
    .version(version, '-V, --version')
    .option('--verbose', 'show the stack of an error')
    .addHelpText('after', EXAMPLES);
  const commands = [
    startCommand(),
    ingestCommand(),
    exportCommand(),
    topicsCommand(),
    describeCommand(),
    deadLettersCommand(),
    limitsCommand(),
    switchCommand(),
    breachesCommand(),
    workflowsCommand(),
    modelsCommand(),
    riskCommand(),
    backtestVarCommand(),
    reportCommand(),
    replayCommand(),
    featuresCommand(),
    resetCommand(),
    doctorCommand(),
  ];
  for (const command of commands) program.addCommand(command);
  throwInsteadOfExit(program);
  return program;
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride().showHelpAfterError(`(tidemark ${command.name() === 'tidemark' ? '' : '… '}--help says more)`);
  for (const child of command.commands) throwInsteadOfExit(child);
}

/** Runs the command line; the exit code is 0, 1 for a failure, 2 for a wrong use. */
async function main(args: readonly string[]): Promise<void> {
  const program = tidemark();
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    // Commander has said already what is wrong, or printed the help that was asked for.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE_ERROR;
    else {
      process.exitCode = 1;
      const stack = program.opts<{ verbose?: true }>().verbose && error instanceof Error ? error.stack : null;
      const known = error instanceof TidemarkError;
      note(stack ?? (known ? error.message : `Unexpected: ${describeError(error)} (--verbose shows where)`));
    }
  }
}

if (import.meta.main) {
  // A reader that goes away (`| head`) has what it wanted.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
  });
  await main(process.argv.slice(2));
}
