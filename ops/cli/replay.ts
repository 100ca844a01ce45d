import { Command } from 'commander';
import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { action, ask, counted, grouped, printJson, printLine, table } from './command.ts';
import type { TOPOLOGIES } from './describe.ts';
import type { ReplayEntry } from './replay/journal.ts';
import { parameterLines, parseParameters, type Replayable, replayables } from './replay/parameters.ts';
import { parseRange } from './replay/range.ts';
import { isReplayName } from './replay/side.ts';
import { duration, durationText } from './replay/values.ts';
import { homeFolder, withSystem } from './running.ts';

interface Flags {
  readonly from?: string;
  readonly to?: string;
  readonly set?: readonly string[];
  readonly name?: string;
  readonly cold?: true;
  readonly every?: string;
  readonly replace?: true;
  readonly json?: true;
}

const HELP = `
A replay reads the recorded topics that the topology reads, and writes replay.<name>.<topic> for each topic that it writes. It has a group, state and
changelogs of its own: the live topology, its topics and the sinks do not notice. Topics may grow meanwhile; it ends where they ended at its start.

--from and --to are days in UTC, both within, or ISO 8601 times. By default records from before --from are processed too, so that positions and
histories are right at --from, and only outputs of the range are kept. With --cold nothing from before it is read, but for what holds until someone
says something else (descriptions, limits, workflows): faster, and every sum begins at zero.

The same topics give the same bytes: tidemark replay list --json shows a digest of each output. What live topologies conflate (the newest figures at
each commit) comes here once per --every of event time.

Read the outputs with tidemark export replay.<name>.<topic>, or from Kafka as any topic. docs/replay.md says more.`;

export function replayCommand(): Command {
  return new Command('replay')
    .description('run a topology over recorded topics into topics beside the live ones')
    .argument('<topology>', 'which one, see tidemark describe')
    .option('--from <time>', 'first day or time that is kept (default: the beginning)')
    .option('--to <time>', 'last day or time (default: the end)')
    .option('--set <name=value>', 'a parameter, any number of times', gathered)
    .option('--name <name>', 'what the replay is called (default: topology and range)')
    .option('--cold', 'begin with empty state at --from')
    .option(
      '--every <duration>',
      'event time between two outputs of what is conflated, such as 1m or 1d; none: as seldom as can be',
    )
    .option('--replace', 'remove the replay that has this name first')
    .option('--json', 'print what came of it as JSON, and no progress')
    .addHelpText('after', () => `${HELP}${parametersHelp()}`)
    .action(action((topology: string, flags: Flags) => replay(topology, flags)))
    .addCommand(listCommand())
    .addCommand(removeCommand());
}

/** A commander parser for an option that is given several times. */
const gathered = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

const listCommand = (): Command =>
  new Command('list')
    .description('replays that are there, complete or not')
    .option('--json', 'print as JSON, with parameters, ends of inputs and digests')
    .action(
      action((_: unknown, list: Command) =>
        withSystem(async ({ kafka }) => {
          // Commander gives an option that the command above has too to that one.
          const { json } = list.optsWithGlobals<{ json?: true }>();
          const { readJournal } = await import('./replay/journal.ts');
          const { holderOf } = await import('./replay/hold.ts');
          const entries = [...(await readJournal(kafka)).values()];
          const listed = entries.map((entry) => ({
            ...entry,
            status: statusOf(entry, holderOf(homeFolder(), entry.name)),
          }));
          if (json) printJson(listed);
          else for (const line of listLines(listed)) printLine(line);
          return 0;
        }),
      ),
    );

const removeCommand = (): Command =>
  new Command('remove')
    .description('remove the topics and the state of a replay')
    .argument('<name>', 'see tidemark replay list')
    .option('--yes', 'do not ask')
    .action(
      action((name: string, { yes = false }: { yes?: boolean }) =>
        withSystem(async ({ kafka }) => {
          const { removeReplay } = await import('./replay/perform.ts');
          const confirm = (question: string) => (yes ? Promise.resolve(true) : ask(question, 'REMOVE_REFUSED'));
          const topics = await removeReplay({ kafka, home: homeFolder() }, name, confirm);
          printLine(`Removed replay ${name}: ${counted(topics, 'topic')}.`);
          return 0;
        }),
      ),
    );

async function replay(topology: string, flags: Flags): Promise<number> {
  // All that can be wrong with the command is said before anything is asked of Kafka.
  const all = replayables();
  const replayable = replayableOf(topology, all);
  const range = parseRange(flags.from, flags.to);
  if (flags.cold && flags.from === undefined)
    throw new TidemarkError('OPTION_MISSING', '--cold begins with empty state at --from: say --from when');
  const parameters = parseParameters(topology, replayable, flags.set ?? []);
  const name = flags.name ?? defaultName(topology, flags);
  if (!isReplayName(name)) {
    const rule = 'lower-case letters, digits and hyphens, a letter first, at most 80';
    throw new TidemarkError('NAME_INVALID', `--name ${name}: a replay's name is ${rule}`);
  }
  const definition = replayable.define(parameters);
  const cutEveryMs = everyOf(flags.every, replayable);
  const wanted = { name, definition, range, cold: flags.cold ?? false, cutEveryMs, parameters };
  const { performReplay } = await import('./replay/perform.ts');
  const entry = await performReplay(wanted, { replace: flags.replace ?? false, isQuiet: flags.json ?? false });
  if (entry === null) return INTERRUPTED;
  if (flags.json) printJson(entry);
  else for (const line of summaryLines(entry)) printLine(line);
  return 0;
}

/** Exit code after Ctrl-C, as shells have it. */
const INTERRUPTED = 130;

/** How a topology is replayed. Throws TOPOLOGY_UNKNOWN. */
export function replayableOf(topology: string, all: Readonly<Record<string, Replayable>>): Replayable {
  const found = Object.hasOwn(all, topology) ? all[topology as keyof typeof TOPOLOGIES] : undefined;
  if (found) return found;
  const names = Object.keys(all);
  const hint = closest(topology, [...names, 'list', 'remove']) || `; there are ${names.join(', ')}`;
  throw new TidemarkError('TOPOLOGY_UNKNOWN', `There is no topology "${topology}"${hint}`);
}

/** `bars-2007-06-01-to-2009-06-30`. */
export function defaultName(topology: string, { from, to }: Pick<Flags, 'from' | 'to'>): string {
  const parts = [topology, ...(from === undefined ? [] : [from]), ...(to === undefined ? [] : ['to', to])];
  if (parts.length === 1) parts.push('all');
  return parts
    .join('-')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-');
}

function everyOf(every: string | undefined, { cutEveryMs }: Replayable): number | null {
  if (every === undefined) return cutEveryMs;
  if (every === 'none') return null;
  try {
    return duration()(every);
  } catch (error) {
    throw new TidemarkError('OPTION_INVALID', `--every ${every}: expected ${(error as RangeError).message}, or none`);
  }
}

/** Where a replay stands; `holder` is the process that works on it. */
export function statusOf({ state }: Pick<ReplayEntry, 'state'>, holder: number | null): string {
  if (holder !== null) return `running (process ${holder})`;
  return state === 'DONE' ? 'complete' : 'INCOMPLETE';
}

const dayOf = (iso: string | null, otherwise: string) => iso?.replace('T00:00:00.000Z', '') ?? otherwise;

export function listLines(entries: readonly (ReplayEntry & { readonly status: string })[]): string[] {
  if (entries.length === 0) return ['There are no replays.'];
  const rows = entries.map(({ name, status, topology, from, before, cold, parameters, startedAt, outputs }) => [
    name,
    status,
    topology,
    dayOf(from, 'beginning'),
    dayOf(before, 'end'),
    grouped(outputs.reduce((sum, { records }) => sum + records, 0)),
    startedAt.slice(0, 19).replace('T', ' '),
    [...(cold ? ['cold'] : []), ...Object.entries(parameters).map(([key, value]) => `${key}=${value}`)].join(' ') ||
      '-',
  ]);
  const lines = table(
    [['NAME', 'STATUS', 'TOPOLOGY', 'FROM', 'BEFORE', 'RECORDS', 'STARTED (UTC)', 'SET'], ...rows],
    [5],
  );
  const incomplete = entries.filter(({ status }) => status === 'INCOMPLETE');
  if (incomplete.length > 0)
    lines.push(
      '',
      'What is incomplete was interrupted: the same tidemark replay with --replace does it again, tidemark replay remove NAME forgets it.',
    );
  return lines;
}

/** What came of a replay, in words. */
export function summaryLines({ name, topology, recordsIn, durationMs, outputs, cutEveryMs }: ReplayEntry): string[] {
  const seconds = Math.max(durationMs, 1) / 1000;
  const rate = `${grouped(Math.round(recordsIn / seconds))} records/s`;
  const every = cutEveryMs === null ? '' : `, conflated to one per ${durationText(cutEveryMs)}`;
  const rows = outputs.map(({ topic, records }) => [`  ${topic}`, grouped(records)]);
  const total = outputs.reduce((sum, { records }) => sum + records, 0);
  return [
    `Replay ${name} of ${topology}: ${counted(recordsIn, 'record')} in, ${grouped(total)} out in ${seconds.toFixed(1)} s (${rate})${every}.`,
    ...table(rows, [1]),
    `Read them: tidemark export ${outputs[0]?.topic ?? ''} --format parquet --out replay.parquet`,
  ];
}

function parametersHelp(): string {
  const lines = Object.entries(replayables()).flatMap(([topology, { parameters, cutEveryMs }]) => {
    const every = cutEveryMs === null ? '' : ` (--every ${durationText(cutEveryMs)} unless told otherwise)`;
    const named = parameterLines(parameters).map((line) => `  ${line}`);
    return [`  ${topology}${every}`, ...(named.length > 0 ? named : ['    none'])];
  });
  return `\n\nParameters for --set:\n${lines.join('\n')}`;
}
