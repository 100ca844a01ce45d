import { Command, InvalidArgumentError } from 'commander';
import { parseTime } from '#connectors/file/time.ts';
import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { action, wholeNumber } from './command.ts';
import { topologiesOf } from './dead-letters/letters.ts';
import { TOPOLOGIES } from './describe.ts';
import { replayOf } from './replay/side.ts';
import { type Connection, withSystem } from './running.ts';

export interface ListOptions {
  readonly code?: string;
  readonly topic?: string;
  /** Microseconds since 1970. */
  readonly since?: number;
  readonly limit: number;
  readonly json?: true;
}
export interface ShowOptions {
  readonly late?: true;
  readonly json?: true;
}
export interface ReplayOptions {
  readonly code?: string;
  readonly all?: true;
  readonly dryRun?: true;
  readonly yes?: true;
}

const DEFAULT_LIMIT = 50;
const POLICIES = `
A source's policy says what becomes of a record that cannot be decoded, that a processor rejects, or whose outputs cannot be written:
  FAIL         the topology stops at the record (default). Nothing is lost and nothing goes on until the record or the code is mended.
  DEAD_LETTER  the record is kept in <topology>.dead-letters with the reason, and the topology goes on without it: every result
               lacks it until it is replayed, and one that is replayed comes after all that has overtaken it.
  SKIP         the record is counted and not kept: every result lacks it. It is still in its source topic, as long as that keeps it.
Records that came too late for a window are in <topology>.late-records: whatever is not bound to that window has counted them.`;
const REPLAY = `
Give offsets (12 or 12-20, as list shows them), --code, or --all. A record goes back as it came: key, value, timestamp, headers and
partition, with the header replayed.from. It is written behind all that is in its topic, so mend first what made it a dead letter.
  Seen twice   everything that reads the source topic reads it again, also those that had no trouble with it: other topologies,
               sinks, your consumers. What knows its records by an id (fills by fillId) takes it once; a trade counts twice.
  Once         each source record is replayed once, whatever happens: record and mark are written in one transaction, and the
               marks are in <topology>.replays, a compacted topic. A second replay at the same time takes over from the first.
  Refused      a record that was cut to size to fit, since only its source has the whole of it; one whose source topic is gone.
               The others are written all the same; the exit code is then 1.
Late records are not replayed: they were processed, and would count again in all but the window that they missed.`;

/** `tidemark dead-letters`: what topologies set aside, and the way back. */
export function deadLettersCommand(): Command {
  const command = new Command('dead-letters')
    .description('list, show and replay the records that a topology set aside')
    .addHelpText('after', POLICIES);
  command.addCommand(listCommand()).addCommand(showCommand()).addCommand(replayCommand());
  return command;
}

function listCommand(): Command {
  const time = (text: string) => {
    const micros = parseTime(text, Number.POSITIVE_INFINITY);
    if (typeof micros === 'string') throw new InvalidArgumentError(`${text} ${micros}`);
    return micros;
  };
  return new Command('list')
    .description('dead letters and late records, the newest of each topic last, and how many there are of each code')
    .argument('[topology]', 'all when left out')
    .option('--code <code>', 'only with this code')
    .option('--topic <topic>', 'only from this source topic')
    .option(
      '--since <time>',
      'only records of this event time on: ISO 8601 (UTC unless it says otherwise) or an epoch',
      time,
    )
    .option('--limit <letters>', 'the newest so many of each topic', wholeNumber(1), DEFAULT_LIMIT)
    .option('--json', 'print as JSON')
    .addHelpText('after', POLICIES)
    .action(
      action((topology: string | undefined, options: ListOptions) =>
        withLetters(async (system, topologies) => {
          const { listLetters } = await import('./dead-letters/list.ts');
          const wanted = topology === undefined ? topologies : [checkTopology(topology, topologies)];
          return listLetters(system, wanted, options);
        }),
      ),
    );
}

function showCommand(): Command {
  return new Command('show')
    .description('one letter whole: reason, source, headers, and its value decoded or as a hex dump')
    .argument('<topology>', 'whose')
    .argument('<offset>', 'as list shows it, behind the @', wholeNumber(0))
    .option('--late', 'of the late records instead of the dead letters')
    .option('--json', 'print as JSON')
    .action(
      action((topology: string, offset: number, { late = false, json = false }: { late?: boolean; json?: boolean }) =>
        withLetters(async (system, topologies) => {
          const { showLetter } = await import('./dead-letters/show.ts');
          checkTopology(topology, topologies);
          return showLetter(system, { topology, offset, kind: late ? 'late-records' : 'dead-letters', json });
        }),
      ),
    );
}

function replayCommand(): Command {
  const command = new Command('replay');
  return command
    .description('write dead letters back to where they came from, each once')
    .argument('<topology>', 'whose')
    .argument('[offsets...]', 'which, as list shows them: 12 or 12-20', offsetRange)
    .option('--code <code>', 'those with this code')
    .option('--all', 'all of them')
    .option('--dry-run', 'say what would be written, and write nothing')
    .option('--yes', 'do not ask')
    .addHelpText('after', REPLAY)
    .action(
      action((topology: string, ranges: readonly OffsetRange[] | undefined, options: ReplayOptions) => {
        const { code, all = false, dryRun = false, yes = false } = options;
        const ways = [ranges !== undefined && ranges.length > 0, code !== undefined, all].filter(Boolean).length;
        if (ways !== 1) command.error('error: say which letters to replay: offsets, or --code, or --all');
        return withLetters(async (system, topologies) => {
          const { replayLetters } = await import('./dead-letters/replay-command.ts');
          checkTopology(topology, topologies);
          checkLive(topology);
          return replayLetters(system, { topology, ranges: ranges ?? [], code, dryRun, yes });
        });
      }),
    );
}

/** Offsets from the first to the last, both within. */
export type OffsetRange = readonly [first: number, last: number];

/** Parses `12`, `12-20` and such joined by commas; a parser of commander's for an argument that is given several times. */
export function offsetRange(text: string, previous: readonly OffsetRange[] = []): readonly OffsetRange[] {
  const ranges = text.split(',').map((part): OffsetRange => {
    const match = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(part);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (!match || last < first)
      throw new InvalidArgumentError(`"${part}" is not an offset, such as 12, nor a range, such as 12-20.`);
    return [first, last];
  });
  return [...previous, ...ranges];
}

function withLetters(work: (system: Connection, topologies: readonly string[]) => Promise<number>): Promise<number> {
  return withSystem(async (system) => {
    return work(system, topologiesOf(await system.kafka.listTopics(), Object.keys(TOPOLOGIES)));
  });
}

/** Everything live would read again what only a replay has set aside. */
function checkLive(topology: string): void {
  const side = replayOf(topology);
  if (side === null) return;
  const message = `These are dead letters of the replay ${side.name}, whose sources are the live topics: mend the cause and do the replay again`;
  throw new TidemarkError('LETTERS_OF_REPLAY', message);
}

function checkTopology(name: string, topologies: readonly string[]): string {
  if (topologies.includes(name)) return name;
  const hint = closest(name, topologies) || `; there are ${topologies.join(', ')}`;
  throw new TidemarkError('TOPOLOGY_UNKNOWN', `There is no topology "${name}"${hint}`);
}
