import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { ask, counted, note, printLine } from '../command.ts';
import type { OffsetRange } from '../dead-letters.ts';
import type { Connection } from '../running.ts';
import { bytesText, type Letter, letterPosition, letterTopic, printable } from './letters.ts';
import { deadLetterRange, fates, type ReplayPlan, replay } from './replay.ts';

interface Wanted {
  readonly topology: string;
  readonly ranges: readonly OffsetRange[];
  readonly code: string | undefined;
  readonly dryRun: boolean;
  readonly yes: boolean;
}
/** What a replay comes to, before it is done. */
interface Outlook {
  /** Records to write, by topic. */
  readonly to: Map<string, number>;
  before: number;
  refused: number;
}

/** `replay`; resolves with exit code 1 when letters were refused. Throws LETTERS_NONE, REPLAY_REFUSED and what the writing throws. */
export async function replayLetters({ kafka }: Connection, wanted: Wanted): Promise<number> {
  const { topology, dryRun, yes } = wanted;
  const range = await deadLetterRange(kafka, topology);
  // Of all letters, wanted or not.
  const codes = new Set<string>();
  const found = new Set<number>();
  const isWanted = (letter: Letter): boolean => {
    codes.add(letter.code);
    if (!matches(letter, wanted)) return false;
    found.add(letter.offset);
    return true;
  };
  const plan: ReplayPlan = { topology, range, isWanted };
  const outlook: Outlook = { to: new Map(), before: 0, refused: 0 };
  for await (const fate of fates(kafka, plan)) {
    const { letter } = fate;
    if (fate.kind === 'refused') {
      outlook.refused++;
      note(`${letterPosition(letter)} is not replayed: ${printable(fate.reason)}`);
    } else if (fate.kind === 'replayed-before') outlook.before++;
    else {
      const { topic, partition } = letter.source!;
      outlook.to.set(topic, (outlook.to.get(topic) ?? 0) + 1);
      if (dryRun)
        printLine(
          `${letterPosition(letter)} → ${topic}/${partition}  ${printable(letter.code)}  ${bytesText(letter.key)}`,
        );
    }
  }
  checkFound(wanted, found, codes);
  if (outlook.before > 0) note(`${counted(outlook.before, 'record')} written back before: not again.`);
  const exitCode = outlook.refused > 0 ? 1 : 0;
  const records = sum(outlook.to);
  if (records === 0 || dryRun) {
    printLine(
      records === 0 ? 'There is nothing to write.' : `${written('would be', outlook.to)}; nothing was written.`,
    );
    return exitCode;
  }
  if (!yes && !(await ask(question(topology, outlook.to), 'REPLAY_REFUSED')))
    throw new TidemarkError('REPLAY_REFUSED', 'Nothing was written.');
  let committed = 0;
  const progress = (count: number) => {
    committed += count;
    if (committed < records) note(`${committed} of ${records} written`);
  };
  printLine(`${written('', await replay(kafka, plan, progress))}.`);
  return exitCode;
}

function matches({ offset, code }: Letter, { ranges, code: wantedCode }: Wanted): boolean {
  if (wantedCode !== undefined) return code === wantedCode;
  return ranges.length === 0 || ranges.some(([first, last]) => offset >= first && offset <= last);
}

/** Whoever names an offset or a code wants to hear that it is not there. */
function checkFound({ topology, ranges, code }: Wanted, found: ReadonlySet<number>, codes: ReadonlySet<string>): void {
  const topic = letterTopic(topology, 'dead-letters');
  const missing = ranges.filter(([first, last]) => first === last && !found.has(first)).map(([first]) => first);
  if (missing.length > 0)
    throw new TidemarkError(
      'LETTER_UNKNOWN',
      `There is no letter at ${missing.map((offset) => letterPosition({ topic, offset })).join(', ')}; nothing was written`,
    );
  if (code === undefined || codes.has(code)) return;
  if (code === 'RECORD_LATE')
    throw new TidemarkError(
      'LETTERS_NONE',
      'Late records are not replayed: they were processed, and would count again in all but the window that they missed',
    );
  const hint = closest(code, [...codes]) || (codes.size > 0 ? `; there are ${[...codes].sort().join(', ')}` : '');
  throw new TidemarkError('LETTERS_NONE', `No dead letter of ${topology} has the code "${code}"${hint}`);
}

const question = (topology: string, to: ReadonlyMap<string, number>): string =>
  `Write ${counted(sum(to), 'record')} of ${topology}'s dead letters back to ${targets(to)}? Everything that reads ${
    to.size === 1 ? 'this topic' : 'these topics'
  } sees them again.`;

const sum = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((all, count) => all + count, 0);
const targets = (to: ReadonlyMap<string, number>): string =>
  [...to].map(([topic, count]) => (to.size === 1 ? topic : `${topic} (${count})`)).join(', ');
const written = (verb: string, to: ReadonlyMap<string, number>): string =>
  sum(to) === 0
    ? 'Nothing was left to write'
    : `${counted(sum(to), 'record')} ${verb ? `${verb} written` : 'written'} back to ${targets(to)}`;
