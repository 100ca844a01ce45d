import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Kafka, openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { silentLog } from '#streams/kit/log.ts';
import { ClusterOfTwo } from '#tests/integration/brokers.ts';
import { until } from '#tests/integration/harness.ts';
import { startFakeRegistry } from '#tests/unit/streams/kafka/fake-registry.ts';
import { TallyProcess } from './process.ts';
import { type BrokerFailure, type Failure, failureSchedule, PROCESS_NAMES, type ProcessFailure } from './schedule.ts';
import { checkTally, isCaughtUp, prepareTally } from './tally.ts';

export interface ChaosOptions {
  readonly kills: number;
  readonly seed: string;
  readonly log: (text: string) => void;
}
export interface ChaosSummary {
  readonly seed: string;
  readonly schedule: readonly Failure[];
  /** Steps written, and outputs that could be read in the end: the same, when all is exact. */
  readonly written: number;
  readonly outputs: number;
  readonly mistakes: readonly string[];
  readonly exact: boolean;
  readonly durationMs: number;
}

const NAME = 'chaos';
const PARTITIONS = 4;
const STEPS_PER_SECOND = 1_000;
const SESSION_TIMEOUT_MS = 2_000;
const TRANSACTION_TIMEOUT_MS = 4_000;
const LIMIT_MS = 60_000;
const LOAD = fileURLToPath(new URL('./load.ts', import.meta.url));

/**
 * Two processes of a topology on two brokers under load, while processes and brokers fail as the seed says, also several at once. At the
 * end everything is held against what was written. Throws when something does not come back within a minute.
 */
export async function runChaos({ kills, seed, log }: ChaosOptions): Promise<ChaosSummary> {
  const startMs = performance.now();
  const schedule = failureSchedule(kills, seed, SESSION_TIMEOUT_MS);
  const registry = await startFakeRegistry();
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-chaos-'));
  const cluster = await ClusterOfTwo.start();
  const brokers = cluster.addresses;
  const processes = new Map<string, TallyProcess>();
  let kafka: Kafka | null = null;
  let load: ChildProcess | null = null;
  try {
    kafka = await openKafka({ brokers, clientId: 'chaos', log: silentLog });
    await prepareTally(kafka, NAME, PARTITIONS);
    for (const place of PROCESS_NAMES) {
      const settings = {
        name: NAME,
        brokers,
        registryUrl: registry.url,
        stateFolder: join(folder, place),
        sessionTimeoutMs: SESSION_TIMEOUT_MS,
        transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      };
      processes.set(place, new TallyProcess(settings));
    }
    load = fork(LOAD, [
      JSON.stringify({ name: NAME, brokers, registryUrl: registry.url, perSecond: STEPS_PER_SECOND }),
    ]);
    await until('the processes to share the work', () => share(processes), LIMIT_MS);
    const field = new Field(cluster, kafka, processes, log);
    await field.fail(schedule);
    const written = await stopLoad(load);
    await until(`${written} steps to be processed`, () => isCaughtUp(kafka!, NAME).catch(() => false), LIMIT_MS);
    const mistakes: string[] = [];
    for (const [place, process] of processes) {
      const code = await process.stop();
      if (code !== 0) mistakes.push(`process ${place} ended with ${code}: ${process.messages.at(-1)}`);
    }
    const check = await checkTally(kafka, new SchemaRegistry(registry.url), NAME, written);
    mistakes.push(...check.mistakes);
    const { outputs } = check;
    const durationMs = Math.round(performance.now() - startMs);
    return { seed, schedule, written, outputs, mistakes, exact: mistakes.length === 0, durationMs };
  } finally {
    for (const process of processes.values()) await process.kill();
    load?.kill('SIGKILL');
    await kafka?.close();
    await cluster.stop();
    await registry.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const share = (processes: ReadonlyMap<string, TallyProcess>): boolean =>
  [...processes.values()].every(({ partitions }) => partitions.length === PARTITIONS / processes.size);

async function stopLoad(load: ChildProcess): Promise<number> {
  const said = once(load, 'message');
  const ended = once(load, 'exit').then(([code]) => {
    throw new Error(`the load ended with ${code} before it was told to`);
  });
  load.send('stop');
  const [written] = await Promise.race([said, ended]);
  return written as number;
}

/** Where failures happen: one at a time to each process, and one broker at a time; beside each other otherwise. */
class Field {
  readonly #cluster: ClusterOfTwo;
  readonly #kafka: Kafka;
  readonly #processes: ReadonlyMap<string, TallyProcess>;
  readonly #log: (text: string) => void;
  /** What is going on at each victim; brokers are one. */
  readonly #going = new Map<string, Promise<void>>();

  constructor(
    cluster: ClusterOfTwo,
    kafka: Kafka,
    processes: ReadonlyMap<string, TallyProcess>,
    log: (text: string) => void,
  ) {
    this.#cluster = cluster;
    this.#kafka = kafka;
    this.#processes = processes;
    this.#log = log;
  }

  async fail(schedule: readonly Failure[]): Promise<void> {
    for (const [index, failure] of schedule.entries()) {
      const { kind, victim, gapMs, awayMs } = failure;
      await sleep(gapMs);
      const isProcess = kind === 'kill' || kind === 'pause';
      const place = isProcess ? victim : 'brokers';
      await this.#going.get(place);
      this.#log(`${index + 1} of ${schedule.length}: ${kind} ${victim} for ${awayMs} ms`);
      const going = isProcess
        ? this.#failProcess(failure as ProcessFailure)
        : this.#failBroker(failure as BrokerFailure);
      // Thrown where it is waited for.
      going.catch(() => undefined);
      this.#going.set(place, going);
    }
    await Promise.all(this.#going.values());
  }
  async #failProcess({ kind, victim, awayMs }: ProcessFailure): Promise<void> {
    const process = this.#processes.get(victim)!;
    if (!process.isRunning) throw new Error(`process ${victim} has ended by itself: ${process.messages.at(-1)}`);
    if (kind === 'kill') await process.kill();
    else process.pause();
    await sleep(awayMs);
    if (kind === 'kill') process.restart();
    else process.resume();
  }
  async #failBroker({ kind, victim, awayMs }: BrokerFailure): Promise<void> {
    if (kind === 'broker-kill') await this.#cluster.kill(victim);
    else await this.#cluster.shutDown(victim);
    const inSync = () => this.#cluster.inSync(this.#kafka).catch(() => false);
    await until(`the cluster to miss broker ${victim}`, async () => !(await inSync()), LIMIT_MS);
    await sleep(awayMs);
    this.#cluster.restart(victim);
    await until(`broker ${victim} to be back`, inSync, LIMIT_MS);
  }
}
