import { rmSync } from 'node:fs';
import { pino } from 'pino';
import type { Kafka } from '#streams/kafka/index.ts';
import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { Log } from '#streams/kit/log.ts';
import { counted, grouped, note } from '../command.ts';
import { findSystem, homeFolder, withSystem } from '../running.ts';
import { ShareProgress } from '../share-progress.ts';
import { holdReplay } from './hold.ts';
import { checkSpans, readEnds, readSpans, shortfall } from './inputs.ts';
import { type ReplayEntry, readJournal, writeJournal } from './journal.ts';
import { forget, type ReplayPlan, type ReplayState, runReplay, stateFolder } from './run.ts';
import { sidePrefix } from './side.ts';

type Wanted = Omit<ReplayPlan, 'ends'>;

/**
 * Does a replay, with progress on standard error. Null: it was interrupted. Throws REPLAY_EXISTS, REPLAY_RUNNING, RANGE_EMPTY, INPUT_MISSING, and
 * what stops a topology.
 */
export function performReplay(
  wanted: Wanted,
  { replace, isQuiet }: { readonly replace: boolean; readonly isQuiet: boolean },
): Promise<ReplayEntry | null> {
  const { kafkaBrokers: brokers, registryUrl } = findSystem();
  const home = homeFolder();
  return withSystem(async ({ kafka }) => {
    const release = holdReplay(home, wanted.name);
    try {
      const former = (await readJournal(kafka)).get(wanted.name);
      if (former && !replace) throw exists(former);
      const ends = await readEnds(kafka, wanted.definition);
      const spans = await readSpans(kafka, wanted.definition, ends);
      checkSpans(wanted.definition.name, spans, wanted.range);
      const short = shortfall(spans, wanted.range);
      if (short) note(short);
      if (former) await forget({ kafka, home }, former);
      return await watched(wanted.name, isQuiet, (signal, onProgress) =>
        runReplay({ kafka, registryUrl, brokers, home, log: warnings() }, { ...wanted, ends }, signal, onProgress),
      );
    } finally {
      release();
    }
  });
}

function exists({ name, state, topology, startedAt }: ReplayEntry): TidemarkError {
  const what = state === 'DONE' ? `of ${topology}` : `of ${topology}, which was interrupted`;
  const hint = 'take another --name, or --replace to do it again';
  return new TidemarkError(
    'REPLAY_EXISTS',
    `There is a replay ${name} ${what}, from ${startedAt.slice(0, 16)}Z: ${hint}`,
  );
}

/** Runs it with a bar, until it is done or Ctrl-C. */
async function watched(
  name: string,
  isQuiet: boolean,
  run: (signal: AbortSignal, onProgress: (state: ReplayState) => void) => Promise<ReplayEntry>,
): Promise<ReplayEntry | null> {
  const progress = new ShareProgress('Replaying', isQuiet ? null : process.stderr);
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    return await run(interruption.signal, ({ share, records }) => progress.show(share, `${grouped(records)} records`));
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'REPLAY_INTERRUPTED') throw error;
    progress.stop();
    note(
      `Interrupted. Replay ${name} is incomplete: the same command with --replace does it again, tidemark replay remove ${name} forgets it.`,
    );
    return null;
  } finally {
    progress.stop();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

/**
 * Removes a replay after `confirm`; resolves with the number of its topics. Throws REPLAY_UNKNOWN, REPLAY_RUNNING, REMOVE_REFUSED.
 */
export async function removeReplay(
  { kafka, home }: { readonly kafka: Kafka; readonly home: string },
  name: string,
  confirm: (question: string) => Promise<boolean>,
): Promise<number> {
  const entries = await readJournal(kafka);
  const entry = entries.get(name);
  if (!entry) {
    const names = [...entries.keys()];
    const hint = closest(name, names) || (names.length === 0 ? ': there are none' : `; there are ${names.join(', ')}`);
    throw new TidemarkError('REPLAY_UNKNOWN', `There is no replay "${name}"${hint}`);
  }
  const release = holdReplay(home, name);
  try {
    const topics = (await kafka.listTopics()).filter((topic) => topic.startsWith(sidePrefix(name)));
    const question = `Remove replay ${name} of ${entry.topology} with ${counted(topics.length, 'topic')}?`;
    if (!(await confirm(question))) throw new TidemarkError('REMOVE_REFUSED', 'Nothing was removed.');
    await forget({ kafka, home }, entry);
    await writeJournal(kafka, name, null);
    rmSync(stateFolder(home, name), { recursive: true, force: true });
    return topics.length;
  } finally {
    release();
  }
}

/** What the runtime warns of, as lines for people. */
function warnings(): Log {
  return pino({ level: 'warn' }, { write: (line: string) => note((JSON.parse(line) as { msg: string }).msg) });
}
