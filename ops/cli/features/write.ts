import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { csvField } from '#connectors/file/csv.ts';
import { FEATURE_TOPICS, type FeatureTopic, RecordedBreaches } from '#ml/features/recorded.ts';
import { SET_COLUMNS, type SetRow, writeSet } from '#ml/features/write-set.ts';
import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { grouped } from '../command.ts';
import { Output, outputFailed } from '../export/output.ts';
import { readTopic } from '../export/read.ts';
import type { FeaturesOutcome, FeaturesWanted } from '../features.ts';
import { readJournal } from '../replay/journal.ts';
import { isWithin, rangeText } from '../replay/range.ts';
import { sideTopic } from '../replay/side.ts';
import type { Connection } from '../running.ts';
import { ShareProgress } from '../share-progress.ts';

const DAY_MS = 86_400_000;
const HORIZONS = SET_COLUMNS.flatMap(({ name }) => (/^breach\d+$/.test(name) ? [name] : []));

/**
 * Makes the rows of what is recorded and writes them. Throws FEATURES_NONE, PORTFOLIO_UNKNOWN, MARKET_UNKNOWN, REPLAY_UNKNOWN, OUTPUT_FAILED; there is
 * no file then.
 */
export async function writeFeatures(
  system: Connection,
  wanted: FeaturesWanted,
  stream: NodeJS.WriteStream | null,
): Promise<FeaturesOutcome> {
  const startMs = performance.now();
  checkFolder(wanted.out);
  const topics = await topicsOf(system, wanted.replay);
  const recorded = new RecordedBreaches(wanted.market);
  const check = (topic: FeatureTopic) => checkRead(topic, recorded, wanted);
  const to = wanted.asOf ?? undefined;
  const records = await readAll(system, { topics, to, recorded, check }, stream);
  const portfolios = wanted.portfolios.length === 0 ? recorded.portfolios : [...new Set(wanted.portfolios)].sort();
  const all = portfolios.flatMap((portfolio) =>
    recorded.rows(portfolio).map((row): SetRow => ({ ...row, portfolio, source: wanted.replay ?? 'recorded' })),
  );
  const rows = all.filter(({ eventTime }) => isWithin(wanted.range, Math.floor(eventTime / 1000)));
  checkRows(rows, all, wanted);
  await write(wanted.out, rows, { 'tidemark.range': rangeText(wanted.range), 'tidemark.market': wanted.market });
  return outcomeOf(wanted.out, rows, {
    records,
    seconds: (performance.now() - startMs) / 1000,
    refused: Object.fromEntries(recorded.refused),
  });
}

/** Before minutes of reading. */
function checkFolder(path: string): void {
  const folder = dirname(resolve(path));
  if (!existsSync(folder)) throw outputFailed(path, new Error(`there is no folder ${folder}`));
}

/** Where each topic is read from. */
async function topicsOf({ kafka }: Connection, replay: string | null): Promise<Map<FeatureTopic, string>> {
  const existing = await kafka.listTopics();
  const topics = new Map<FeatureTopic, string>(FEATURE_TOPICS.map((topic) => [topic, topic]));
  if (replay !== null) {
    const entries = await readJournal(kafka);
    const entry = entries.get(replay);
    if (!entry)
      throw new TidemarkError(
        'REPLAY_UNKNOWN',
        `There is no replay "${replay}"${closest(replay, [...entries.keys()])}`,
      );
    const own = FEATURE_TOPICS.filter((topic) =>
      entry.outputs.some((output) => output.topic === sideTopic(replay, topic)),
    );
    if (entry.state !== 'DONE' || own.length === 0) {
      const why =
        entry.state === 'DONE'
          ? `is of ${entry.topology}, which writes none of ${FEATURE_TOPICS.join(', ')}`
          : 'is incomplete';
      throw new TidemarkError('REPLAY_UNFIT', `Replay ${replay} ${why}`);
    }
    for (const topic of own) topics.set(topic, sideTopic(replay, topic));
  }
  const missing = [...topics.values()].filter((topic) => !existing.includes(topic));
  if (missing.length === 0) return topics;
  throw new TidemarkError('FEATURES_NONE', `This Kafka has no ${missing.join(', ')}: has Tidemark ever run on it?`);
}

/** Says as early as it can be known what is not there. */
function checkRead(
  topic: FeatureTopic,
  recorded: RecordedBreaches,
  { market, portfolios: wanted }: FeaturesWanted,
): void {
  if (topic === 'market.returns' && !recorded.hasMarket)
    throw new TidemarkError(
      'MARKET_UNKNOWN',
      `market.returns has nothing of ${market}: name an instrument that trades with --market, and see that it has two days`,
    );
  if (topic !== 'portfolio.pnl') return;
  const { portfolios } = recorded;
  if (portfolios.length === 0)
    throw new TidemarkError('FEATURES_NONE', 'portfolio.pnl holds nothing: there is no portfolio yet');
  for (const portfolio of wanted) {
    if (portfolios.includes(portfolio)) continue;
    const hint = closest(portfolio, portfolios) || `; there are ${portfolios.join(', ')}`;
    throw new TidemarkError('PORTFOLIO_UNKNOWN', `There is no portfolio "${portfolio}"${hint}`);
  }
}

interface Reading {
  readonly topics: ReadonlyMap<FeatureTopic, string>;
  /** Event time, microseconds; what is not before it is left out. */
  readonly to: number | undefined;
  readonly recorded: RecordedBreaches;
  /** Called when a topic is read. */
  readonly check: (topic: FeatureTopic) => void;
}

/** Resolves with how many records were read. */
async function readAll(
  system: Connection,
  { topics, to, recorded, check }: Reading,
  stream: NodeJS.WriteStream | null,
): Promise<number> {
  const { kafka } = system;
  const sizes = await Promise.all([...topics.values()].map((topic) => sizeOf(system, topic)));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const progress = new ShareProgress('Reading', stream);
  let records = 0;
  let before = 0;
  try {
    for (const [index, [topic, place]] of [...topics].entries()) {
      const earliest = await kafka.offsets(place, 'earliest');
      const read = earliest.map(() => 0);
      for await (const block of readTopic(system, { topic: place, to })) {
        for (const { partition, offset, key, value, timestampMs, unreadable } of block) {
          read[partition] = offset + 1 - earliest[partition]!;
          records++;
          if (!unreadable && key !== null) recorded.add(topic, key, value, timestampMs);
        }
        const done = before + read.reduce((sum, count) => sum + count, 0);
        progress.show(total === 0 ? 1 : done / total, `${grouped(records)} records`);
      }
      before += sizes[index]!;
      check(topic);
    }
  } finally {
    progress.stop();
  }
  return records;
}

async function sizeOf({ kafka }: Connection, topic: string): Promise<number> {
  const [earliest, ends] = await Promise.all([kafka.offsets(topic, 'earliest'), kafka.offsets(topic, 'latest-stable')]);
  return ends.reduce((sum, end, partition) => sum + end - earliest[partition]!, 0);
}

function checkRows(rows: readonly SetRow[], all: readonly SetRow[], { range }: FeaturesWanted): void {
  if (rows.length > 0) return;
  if (all.length === 0)
    throw new TidemarkError(
      'FEATURES_NONE',
      'There is no day with a limit that has a figure and is not in breach: set limits (tidemark limits set), or replay them (tidemark replay limits)',
    );
  const days = all.map(({ day }) => day);
  const [first, last] = [days.reduce((a, b) => Math.min(a, b)), days.reduce((a, b) => Math.max(a, b))];
  const message = `There are no rows of ${rangeText(range)}; those that there are go from ${dayText(first)} to ${dayText(last)}`;
  throw new TidemarkError('RANGE_EMPTY', message);
}

const dayText = (day: number) => new Date(day * DAY_MS).toISOString().slice(0, 10);

async function write(path: string, rows: readonly SetRow[], more: Readonly<Record<string, string>>): Promise<void> {
  if (path.toLowerCase().endsWith('.csv')) return writeCsv(path, rows);
  try {
    writeSet(path, rows, more);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).syscall ? outputFailed(path, error) : error;
  }
}

/** Doubles in their shortest form that reads back the same; what is not known is empty. */
async function writeCsv(path: string, rows: readonly SetRow[]): Promise<void> {
  const output = Output.open(path);
  try {
    await output.write(`${SET_COLUMNS.map(({ name }) => name).join(',')}\n`);
    for (const row of rows) {
      const pending = output.write(`${SET_COLUMNS.map(({ of }) => csvField(String(of(row) ?? ''))).join(',')}\n`);
      if (pending) await pending;
    }
    await output.finish();
  } catch (error) {
    output.abandon();
    throw error;
  }
}

function outcomeOf(
  out: string,
  rows: readonly SetRow[],
  rest: Pick<FeaturesOutcome, 'records' | 'seconds' | 'refused'>,
): FeaturesOutcome {
  const days = rows.map(({ day }) => day);
  const count = (of: (row: SetRow) => string) => new Set(rows.map(of)).size;
  return {
    out,
    rows: rows.length,
    portfolios: count(({ portfolio }) => portfolio),
    limits: count(({ portfolio, limitId }) => `${portfolio}/${limitId}`),
    from: dayText(days.reduce((a, b) => Math.min(a, b))),
    to: dayText(days.reduce((a, b) => Math.max(a, b))),
    labelled: Object.fromEntries(
      HORIZONS.map((name, at) => [name, rows.filter(({ labels }) => labels[at] !== null).length]),
    ),
    ...rest,
  };
}
