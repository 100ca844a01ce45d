import { Command, InvalidArgumentError, Option } from 'commander';
import { parseTime } from '#connectors/file/time.ts';
import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { action, counted, note, wholeNumber } from './command.ts';
import { type ExportRecord, topicFields } from './export/fields.ts';
import { FORMATS, type Format, openWriter, type RecordWriter } from './export/formats.ts';
import { type Connection, withSystem } from './running.ts';
import { knownTopics } from './topics.ts';

interface Options {
  readonly key?: string;
  readonly from?: number;
  readonly to?: number;
  readonly format: Format;
  readonly out?: string;
  readonly limit?: number;
}

const HELP = `
Only committed records are read, up to the end at the start of the export; partition after partition, each in its order. Times select
by event time: --from is within, --to is not. Exact amounts are decimal strings in jsonl and csv, decimal(38, 9) in parquet (pandas and
DuckDB read them exactly); event times are integer microseconds since 1970 UTC, timestamps in parquet; NaN is the text "NaN" where the
format has no number for it. Topics without a schema of ours, such as dead letters, come as headers and the value in base64.
A record that its schema cannot read is in jsonl with the reason and its bytes, left out of csv and parquet, counted, and makes the
exit code 1.`;

export function exportCommand(): Command {
  const time = (text: string) => {
    const micros = parseTime(text, Number.POSITIVE_INFINITY);
    if (typeof micros === 'string') throw new InvalidArgumentError(`${text} ${micros}`);
    return micros;
  };
  return new Command('export')
    .description('write the records of a topic to a file or to standard output')
    .argument('<topic>', 'see tidemark topics')
    .option('--key <key>', 'only records with this key')
    .option('--from <time>', 'only event times from this on: ISO 8601 (UTC unless it says otherwise) or an epoch', time)
    .option('--to <time>', 'only event times before this', time)
    .addOption(new Option('--format <format>', 'how').choices(FORMATS).default('jsonl'))
    .option('--out <file>', 'where to; default: standard output')
    .option('--limit <records>', 'stop after so many', wholeNumber(1))
    .addHelpText('after', HELP)
    .action(action((topic: string, options: Options) => withSystem((system) => exportTopic(system, topic, options))));
}

async function exportTopic(system: Connection, topic: string, options: Options): Promise<number> {
  await checkTopic(system, topic);
  const { readTopic } = await import('./export/read.ts');
  const { key, from, to, format, out, limit = Number.POSITIVE_INFINITY } = options;
  const writer = await openWriter(format, topicFields(topic), out);
  try {
    const { written, unreadable } = await copy(readTopic(system, { topic, key, from, to }), writer, limit, format);
    await writer.finish();
    if (out !== undefined) note(`${counted(written, 'record')} of ${topic} in ${out}`);
    if (unreadable === 0) return 0;
    const where =
      format === 'jsonl' ? 'they are in the output with the reason' : 'they are left out; --format jsonl shows them';
    note(`${counted(unreadable, 'record')} of ${topic} cannot be read by the schema: ${where}`);
    return 1;
  } catch (error) {
    writer.abandon();
    throw error;
  }
}

async function copy(
  records: AsyncIterable<readonly ExportRecord[]>,
  writer: RecordWriter,
  limit: number,
  format: Format,
): Promise<{ written: number; unreadable: number }> {
  let written = 0;
  let unreadable = 0;
  for await (const block of records) {
    for (const record of block) {
      if (record.unreadable) {
        unreadable++;
        if (format !== 'jsonl') continue;
      }
      const pending = writer.write(record);
      if (pending) await pending;
      if (++written >= limit) return { written, unreadable };
    }
  }
  return { written, unreadable };
}

async function checkTopic({ kafka }: Connection, topic: string): Promise<void> {
  const existing = await kafka.listTopics();
  if (existing.includes(topic)) return;
  const names = [...new Set([...existing, ...knownTopics().map((info) => info.topic)])];
  const hint = names.includes(topic)
    ? ': nothing was written to it yet'
    : closest(topic, names) || '; tidemark topics lists them';
  throw new TidemarkError('TOPIC_UNKNOWN', `There is no topic "${topic}"${hint}`);
}
