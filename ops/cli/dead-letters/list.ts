import { closest } from '#streams/kit/config.ts';
import { grouped, note, printJson, printLine, table } from '../command.ts';
import type { ListOptions } from '../dead-letters.ts';
import type { Connection } from '../running.ts';
import {
  bytesText,
  LETTER_KINDS,
  type Letter,
  letterPosition,
  letterTopic,
  placeText,
  printable,
  readLetters,
  timeText,
} from './letters.ts';
import { loadReplays } from './replay.ts';

/** What a cell of the table shows of a text, characters. */
const REASON_CHARACTERS = 120;
const KEY_CHARACTERS = 32;

export interface Listed {
  readonly letter: Letter;
  readonly isReplayed: boolean;
}

/** The letters that an option asks for: the newest of each topic in the order of their offsets, and counts of all. */
export class Listing {
  readonly #options: ListOptions;
  readonly letters: Listed[] = [];
  /** By code, those that are not listed included. */
  readonly counts = new Map<string, number>();
  /** Whatever there is, asked for or not. */
  readonly codes = new Set<string>();
  readonly sources = new Set<string>();
  #topicFrom = 0;

  constructor(options: ListOptions) {
    this.#options = options;
  }

  /** The letters that follow are of another topic. */
  beginTopic(): void {
    this.#topicFrom = this.letters.length;
  }
  add(letter: Letter, isReplayed: (letter: Letter) => boolean): void {
    const { code, topic, since, limit } = this.#options;
    this.codes.add(letter.code);
    if (letter.source) this.sources.add(letter.source.topic);
    if (code !== undefined && letter.code !== code) return;
    if (topic !== undefined && letter.source?.topic !== topic) return;
    if (since !== undefined && letter.timestampMs * 1000 < since) return;
    this.counts.set(letter.code, (this.counts.get(letter.code) ?? 0) + 1);
    // A value may be half a megabyte, and a listing shows none of it.
    this.letters.push({ letter: { ...letter, value: null, headers: [] }, isReplayed: isReplayed(letter) });
    if (this.letters.length - this.#topicFrom > limit) this.letters.splice(this.#topicFrom, 1);
  }
}

/** Prints the letters of topologies; resolves with exit code 0. */
export async function listLetters(
  { kafka }: Connection,
  topologies: readonly string[],
  options: ListOptions,
): Promise<number> {
  const existing = await kafka.listTopics();
  const listing = new Listing(options);
  for (const topology of topologies) {
    const topics = LETTER_KINDS.map((kind) => letterTopic(topology, kind)).filter((topic) => existing.includes(topic));
    if (topics.length === 0) continue;
    const replays = await loadReplays(kafka, topology);
    for (const topic of topics) {
      listing.beginTopic();
      for await (const letter of readLetters(kafka, topic)) listing.add(letter, (other) => replays.isReplayed(other));
    }
  }
  const empty = emptyText(listing, topologies, options);
  if (options.json) {
    printJson({ letters: listing.letters.map(listedJson), counts: Object.fromEntries(listing.counts) });
    if (empty !== null) note(empty);
  } else if (empty !== null) printLine(empty);
  else for (const line of listLines(listing)) printLine(line);
  return 0;
}

/** Why nothing is listed, or null. */
export function emptyText(
  { counts, codes, sources }: Listing,
  topologies: readonly string[],
  { code, topic }: ListOptions,
): string | null {
  if (counts.size > 0) return null;
  if (codes.size === 0) return `No dead letters and no late records of ${topologies.join(', ')}.`;
  if (code !== undefined && !codes.has(code)) {
    const hint = closest(code, [...codes]) || `; there are ${[...codes].sort().join(', ')}`;
    return `No letter has the code "${code}"${hint}`;
  }
  if (topic !== undefined && !sources.has(topic)) {
    const hint = closest(topic, [...sources]) || `; there are some from ${[...sources].sort().join(', ')}`;
    return `No letter comes from the topic "${topic}"${hint}`;
  }
  return 'There are dead letters or late records, but none with all that was asked for.';
}

/** A table of letters, then how many there are of each code. */
export function listLines({ letters, counts }: Listing): string[] {
  const rows = letters.map(({ letter, isReplayed }) => [
    letterPosition(letter),
    letter.code,
    letter.source ? placeText(letter.source) : '?',
    timeText(letter.timestampMs),
    short(bytesText(letter.key), KEY_CHARACTERS),
    isReplayed ? 'yes' : '',
    short(printable(letter.reason), REASON_CHARACTERS),
  ]);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const byCount = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const left = total - letters.length;
  return [
    ...table([['POSITION', 'CODE', 'SOURCE', 'TIME', 'KEY', 'REPLAYED', 'REASON'], ...rows]),
    ...(left > 0 ? ['', `${grouped(left)} older not shown; --limit shows more.`] : []),
    '',
    ...table([...byCount.map(([code, count]) => [grouped(count), code]), [grouped(total), 'in all']], [0]),
  ];
}

const short = (text: string, characters: number): string =>
  text.length <= characters ? text : `${text.slice(0, characters - 1)}…`;

function listedJson({ letter, isReplayed }: Listed): object {
  const { topic, offset, code, reason, source, timestampMs, key, cut } = letter;
  const time = timeText(timestampMs);
  return { topic, offset, code, reason, source, time, key: key?.toString() ?? null, cut, isReplayed };
}
