import { TidemarkError } from '#streams/kit/errors.ts';
import { counted, grouped, printLine } from '../command.ts';
import type { Connection } from '../running.ts';
import { type Contents, contentsJson, hexDump, readContents } from './contents.ts';
import {
  bytesText,
  type Letter,
  type LetterKind,
  letterPosition,
  letterRange,
  letterTopic,
  placeText,
  printable,
  readLetters,
  timeText,
} from './letters.ts';
import { loadReplays, type Replays } from './replay.ts';

interface Wanted {
  readonly topology: string;
  readonly kind: LetterKind;
  readonly offset: number;
  readonly json: boolean;
}

/** Prints one letter; resolves with exit code 0. Throws LETTERS_NONE, LETTER_UNKNOWN. */
export async function showLetter({ kafka, registry }: Connection, wanted: Wanted): Promise<number> {
  const { topology, kind, offset, json } = wanted;
  const topic = letterTopic(topology, kind);
  const what = kind === 'dead-letters' ? 'dead letters' : 'late records';
  if (!(await kafka.listTopics()).includes(topic))
    throw new TidemarkError('LETTERS_NONE', `Topology ${topology} has no ${what}: there is no topic ${topic}`);
  const { from, to } = await letterRange(kafka, topic);
  let letter: Letter | null = null;
  if (offset >= from && offset < to)
    for await (const found of readLetters(kafka, topic, { from: offset, to: offset + 1 })) letter = found;
  if (letter === null) {
    const held =
      from < to ? `it holds ${from} to ${to - 1}, where markers of transactions take offsets too` : 'it is empty';
    throw new TidemarkError('LETTER_UNKNOWN', `There is no letter at ${letterPosition({ topic, offset })}: ${held}`);
  }
  const replays = await loadReplays(kafka, topology);
  const contents = letter.value === null ? null : await readContents(registry, letter.value);
  if (json) printLine(contentsJson(letterJson(letter, contents, replays)));
  else for (const line of letterLines(letter, contents, replays)) printLine(line);
  return 0;
}

/** A letter for people. */
export function letterLines(letter: Letter, contents: Contents | null, replays: Replays): string[] {
  const { code, reason, source, timestampMs, key, value, headers, context, cut } = letter;
  const field = (name: string, text: string) => `  ${name.padEnd(9)} ${text}`;
  return [
    letterPosition(letter),
    field('code', printable(code)),
    field('reason', printable(reason)),
    field('source', source ? placeText(source) : 'its headers do not say it'),
    field('time', timeText(timestampMs)),
    field('replayed', replays.isReplayed(letter) ? 'yes' : 'no'),
    ...(cut ? [field('cut', `its ${cut.what}, from ${grouped(cut.fromBytes)} bytes`)] : []),
    field('key', bytesText(key)),
    ...headers.map((header) => field('header', `${printable(header.key)} = ${bytesText(header.value)}`)),
    ...Object.entries(context).flatMap(([name, text]) => contextLines(name, text)),
    ...valueLines(value, contents),
  ];
}

/** What the topology added beyond the rest; a stack has several lines. */
function contextLines(name: string, text: string): string[] {
  const lines = text.split('\n').map(printable);
  if (lines.length === 1) return [`  ${printable(name)} = ${lines[0]}`];
  return [`  ${printable(name)}`, ...lines.map((line) => `    ${line.trimStart()}`)];
}

function valueLines(value: Buffer | null, contents: Contents | null): string[] {
  if (value === null || contents === null) return ['  value     null'];
  const size = counted(value.length, 'byte');
  if ('unreadable' in contents) {
    return [`  value     ${size}, not readable: ${printable(contents.unreadable)}`, ...hexDump(value)];
  }
  const json = contentsJson(contents.value).split('\n').map(printable);
  return [`  value     ${size}, schema ${contents.schemaId} (${contents.name})`, ...json];
}

function letterJson(letter: Letter, contents: Contents | null, replays: Replays): object {
  const { topic, offset, code, reason, source, timestampMs, key, value, headers, context, cut } = letter;
  return {
    topic,
    offset,
    code,
    reason,
    source,
    time: timeText(timestampMs),
    isReplayed: replays.isReplayed(letter),
    key: key?.toString() ?? null,
    keyBase64: key?.toString('base64') ?? null,
    headers: headers.map((header) => ({ key: header.key, valueBase64: header.value?.toString('base64') ?? null })),
    context,
    cut,
    ...(contents ?? { value: null }),
    valueBase64: value?.toString('base64') ?? null,
  };
}
