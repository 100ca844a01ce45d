import { StreamsBuilder, tumbling, untilWindowCloses } from '#streams/index.ts';

const wordsOf = (line: string) => line.toLowerCase().match(/\w+/g) ?? [];

/** Counts words of `text.lines`, in all and per minute, and tells who looked a word up within 30 s of its being written. */
export function wordCount() {
  const builder = new StreamsBuilder({ name: 'word-count' });

  // Lines become words, each under itself as key: from here on records lie with the task of their word.
  const words = builder
    .stream<string>('text.lines', 'string', { onPoison: 'DEAD_LETTER' })
    .flatMap((line) => wordsOf(line).map((word) => ({ key: word, value: line })))
    .repartition({ name: 'words', value: 'string' });

  // In all: a table, readable while it runs (store `word-totals`), and every change of it as a record.
  words.groupByKey().count({ name: 'total', store: 'word-totals' }).toStream().to('text.totals');

  // Per minute: one final number for each word and minute, 10 s of event time after the minute's end.
  const minutes = words
    .groupByKey()
    .windowedBy(tumbling({ sizeMs: 60_000, graceMs: 10_000 }))
    .count({ name: 'per-minute' })
    .suppress(untilWindowCloses({ maxRecords: 100_000 }), { name: 'minute-is-over' });
  const at = (timeMs: number) => new Date(timeMs).toISOString();
  minutes
    .toStream()
    .mapValues((count, { key, window }) => `${key}: ${count} times from ${at(window.startMs)}`, { value: 'string' })
    .to('text.minutes');

  // A windowed join by word: what was written, and who looked it up at most 30 s earlier or later.
  const lookups = builder.stream<string>('text.lookups', 'string');
  const window = { beforeMs: 30_000, afterMs: 30_000 };
  words
    .join(lookups, (line, reader) => `${reader}: ${line}`, { name: 'lookups', ...window, value: 'string' })
    .to('text.found');

  return builder.build();
}
