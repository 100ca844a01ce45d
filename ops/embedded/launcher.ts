import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS } from '#schemas/settings.ts';
import { readSettings, type Settings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { LockHeld, takeLock } from '#streams/kit/lock.ts';
import { installKafka } from './kafka/install.ts';
import { homeFolder } from './paths.ts';
import { claimPort, freePort } from './ports.ts';
import { embeddedDatabaseUrl } from './postgres/access.ts';
import { prepareModels, prepareSystem, type SystemUrls } from './prepare-system.ts';
import { type ChildSpec, Supervisor } from './supervisor.ts';

export type ServiceName = 'kafka' | 'registry' | 'postgres' | 'clickhouse';
export interface SystemOptions {
  /** Settings on top of the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Only these services, and none of our processes; default: the whole system. */
  readonly services?: readonly ServiceName[];
  /** Processes not to start, of those that would be. */
  readonly without?: readonly string[];
  readonly progress?: (text: string) => void;
  /** Gives the start up: what was started is stopped, and INTERRUPTED is thrown. */
  readonly signal?: AbortSignal;
}
export interface System extends SystemUrls {
  readonly httpUrl: string;
  readonly home: string;
  readonly supervisor: Supervisor;
  stop(): Promise<void>;
}

const SERVICES: Readonly<Record<ServiceName, string>> = {
  kafka: 'ops/embedded/kafka/main.ts',
  postgres: 'ops/embedded/postgres/main.ts',
  clickhouse: 'ops/embedded/clickhouse/main.ts',
  registry: 'ops/embedded/registry/main.ts',
};
/** Our processes in the order of their start; stopped the other way round by stage. */
const PROCESSES: readonly (Pick<ChildSpec, 'name' | 'file' | 'args' | 'finishes'> & {
  stage: 'processor' | 'sink' | 'api' | 'connector';
})[] = [
  { name: 'positions', file: 'topologies/main.ts', args: ['positions'], stage: 'processor' },
  { name: 'portfolio', file: 'topologies/main.ts', args: ['portfolio'], stage: 'processor' },
  { name: 'bars', file: 'topologies/main.ts', args: ['bars'], stage: 'processor' },
  { name: 'indicators', file: 'topologies/main.ts', args: ['indicators'], stage: 'processor' },
  { name: 'regimes', file: 'topologies/main.ts', args: ['regimes'], stage: 'processor' },
  { name: 'book', file: 'topologies/main.ts', args: ['book'], stage: 'processor' },
  { name: 'risk', file: 'topologies/main.ts', args: ['risk'], stage: 'processor' },
  { name: 'execution', file: 'topologies/main.ts', args: ['execution'], stage: 'processor' },
  { name: 'limits', file: 'topologies/main.ts', args: ['limits'], stage: 'processor' },
  { name: 'predictions', file: 'topologies/main.ts', args: ['predictions'], stage: 'processor' },
  { name: 'response', file: 'topologies/main.ts', args: ['response'], stage: 'processor' },
  { name: 'sink-postgres', file: 'sinks/postgres/main.ts', stage: 'sink' },
  { name: 'sink-clickhouse', file: 'sinks/clickhouse/main.ts', stage: 'sink' },
  { name: 'notify', file: 'connectors/notify/main.ts', stage: 'sink' },
  { name: 'models', file: 'connectors/models/main.ts', stage: 'sink' },
  { name: 'api', file: 'api/main.ts', stage: 'api' },
  { name: 'paper-venue', file: 'connectors/paper/main.ts', stage: 'connector' },
  { name: 'demo', file: 'connectors/demo/main.ts', stage: 'connector' },
  { name: 'replay', file: 'connectors/replay/main.ts', stage: 'connector', finishes: true },
];
/**
 * Connectors first, services last: what is on its way is committed before its roads close. By when, counted from the beginning
 * of the stop, each stage has ended or is killed.
 */
const STOP_ORDER = [
  { stage: 'connector', byMs: 1_500 },
  { stage: 'processor', byMs: 4_000 },
  { stage: 'sink', byMs: 5_500 },
  { stage: 'api', byMs: 6_500 },
] as const;
const REGISTRY_STOPPED_BY_MS = 7_000;
const SERVICES_STOPPED_BY_MS = 9_500;
const SERVICE_READY_LIMIT_MS = 90_000;
/** Stores that are restored may take a while. */
const PROCESS_READY_LIMIT_MS = 900_000;
/** How long the children of a killed launcher may take to notice and stop. */
const LEFT_BEHIND_MS = 12_000;
const PORTS: Readonly<Record<ServiceName, { setting: keyof typeof SETTINGS; what: string }>> = {
  kafka: { setting: 'TIDEMARK_KAFKA_PORT', what: 'Kafka' },
  registry: { setting: 'TIDEMARK_REGISTRY_PORT', what: 'the schema registry' },
  postgres: { setting: 'TIDEMARK_POSTGRES_PORT', what: 'PostgreSQL' },
  clickhouse: { setting: 'TIDEMARK_CLICKHOUSE_PORT', what: 'ClickHouse' },
};
const MINIMUM_FREE_BYTES = 1024 ** 3;

/**
 * Starts Tidemark: embedded services for every URL that is not set, topics, schemas, migrations, then our processes. Throws
 * ALREADY_RUNNING, PORT_IN_USE, DISK_FULL, CONFIG_INVALID, START_FAILED or INTERRUPTED; what was started is stopped again.
 */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const env = { ...process.env, ...options.env };
  const settings = readSettings(SETTINGS, env);
  const home = homeFolder(settings.TIDEMARK_HOME);
  const progress = options.progress ?? (() => {});
  mkdirSync(home, { recursive: true });
  checkDisk(home);
  const { release, leftBehind } = takeHome(home);
  const supervisor = new Supervisor(join(home, 'logs'), progress);
  const waitMs = leftBehind ? LEFT_BEHIND_MS : 0;
  const launch = new Launch(settings, { ...env, TIDEMARK_HOME: home }, home, supervisor, progress, waitMs);
  const stop = async () => {
    rmSync(join(home, 'running.json'), { force: true });
    await launch.stop();
    release();
  };
  try {
    const { urls, httpUrl } = await interruptible(options.signal, launch.start(options));
    if (!options.services) writeRunning(home, urls, httpUrl);
    return { ...urls, httpUrl, home, supervisor, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The outcome of `work`, or INTERRUPTED as soon as the signal aborts. */
async function interruptible<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  const { promise: interruption, reject } = Promise.withResolvers<never>();
  const interrupt = () => reject(new TidemarkError('INTERRUPTED', 'Stopped while starting'));
  if (signal?.aborted) interrupt();
  signal?.addEventListener('abort', interrupt);
  try {
    return await Promise.race([work, interruption]);
  } finally {
    signal?.removeEventListener('abort', interrupt);
  }
}

class Launch {
  readonly #settings: Settings<typeof SETTINGS>;
  readonly #env: NodeJS.ProcessEnv;
  readonly #home: string;
  readonly #supervisor: Supervisor;
  readonly #progress: (text: string) => void;
  readonly #portWaitMs: number;
  #services: ServiceName[] = [];

  constructor(
    settings: Settings<typeof SETTINGS>,
    env: NodeJS.ProcessEnv,
    home: string,
    supervisor: Supervisor,
    progress: (text: string) => void,
    portWaitMs: number,
  ) {
    this.#settings = settings;
    this.#env = env;
    this.#home = home;
    this.#supervisor = supervisor;
    this.#progress = progress;
    this.#portWaitMs = portWaitMs;
  }

  async start(options: SystemOptions): Promise<{ urls: SystemUrls; httpUrl: string }> {
    const urls = await this.services(options.services ?? (Object.keys(SERVICES) as ServiceName[]));
    if (options.services) return { urls, httpUrl: '' };
    await prepareSystem(urls, this.#progress);
    // Before anything scores.
    await prepareModels(urls, this.#home);
    return { urls, httpUrl: await this.processes(urls, options.without ?? []) };
  }

  /** Starts those of the wanted services whose URL is not set. */
  async services(wanted: readonly ServiceName[]): Promise<SystemUrls> {
    const settings = this.#settings;
    const given = {
      kafka: settings.KAFKA_BROKERS?.join(','),
      registry: settings.SCHEMA_REGISTRY_URL,
      postgres: settings.DATABASE_URL,
      clickhouse: settings.CLICKHOUSE_URL,
    };
    const embedded = wanted.filter((name) => !given[name]);
    this.#services = embedded;
    const ports: Record<ServiceName, number> = { kafka: 0, registry: 0, postgres: 0, clickhouse: 0 };
    for (const name of embedded) {
      const { setting, what } = PORTS[name];
      ports[name] = await claimPort(Number(settings[setting]), setting, what, '127.0.0.1', this.#portWaitMs);
    }
    for (const name of wanted) if (given[name]) this.#progress(`${name}: using ${withoutPassword(given[name])}`);
    const brokers = given.kafka ?? `127.0.0.1:${ports.kafka}`;
    const start = async (name: ServiceName) => {
      if (name === 'kafka') await installKafka(this.#home, this.#progress);
      const env = {
        ...this.#env,
        [PORTS[name].setting]: String(ports[name]),
        ...(name === 'registry' ? { KAFKA_BROKERS: brokers } : {}),
      };
      await this.#start({ name, file: SERVICES[name], env, statusPort: await freePort() }, SERVICE_READY_LIMIT_MS);
      this.#progress(`${name} is up on port ${ports[name]}`);
    };
    await Promise.all(embedded.filter((name) => name !== 'registry').map(start));
    if (embedded.includes('registry')) await start('registry');
    return {
      kafkaBrokers: brokers.split(','),
      registryUrl: given.registry ?? `http://127.0.0.1:${ports.registry}`,
      databaseUrl:
        given.postgres ?? (wanted.includes('postgres') ? embeddedDatabaseUrl(this.#home, ports.postgres) : ''),
      clickhouseUrl: given.clickhouse ?? `http://127.0.0.1:${ports.clickhouse}`,
    };
  }

  /** Starts our processes; returns the address of the page. */
  async processes(urls: SystemUrls, without: readonly string[]): Promise<string> {
    const settings = this.#settings;
    const { TIDEMARK_HTTP_HOST: host } = settings;
    const setting = 'TIDEMARK_HTTP_PORT';
    const httpPort = await claimPort(settings[setting], setting, 'the page', host, this.#portWaitMs);
    const wanted = PROCESSES.filter(
      ({ name, stage }) => !without.includes(name) && (stage !== 'connector' || settings.TIDEMARK_DEMO),
    );
    const statusPorts = new Map<string, number>();
    for (const { name } of wanted) statusPorts.set(name, await freePort());
    const env = {
      ...this.#env,
      KAFKA_BROKERS: urls.kafkaBrokers.join(','),
      SCHEMA_REGISTRY_URL: urls.registryUrl,
      DATABASE_URL: urls.databaseUrl,
      CLICKHOUSE_URL: urls.clickhouseUrl,
      TIDEMARK_HTTP_PORT: String(httpPort),
      TIDEMARK_STATUS_URLS: wanted
        .filter(({ name }) => name !== 'api')
        .map(({ name }) => `${name}=http://127.0.0.1:${statusPorts.get(name)}`)
        .join(','),
    };
    const stage = (name: string) =>
      Promise.all(
        wanted
          .filter((process) => process.stage === name)
          .map((process) =>
            this.#start({ ...process, env, statusPort: statusPorts.get(process.name)! }, PROCESS_READY_LIMIT_MS),
          ),
      );
    if (wanted.some(({ name }) => name === 'api')) {
      const { buildUi } = await import('#ui/build.ts');
      await buildUi();
      this.#progress('page built');
    }
    await Promise.all([stage('processor'), stage('sink')]);
    this.#progress('processors and sinks are running');
    await stage('api');
    await stage('connector');
    return `http://${host.includes(':') ? `[${host}]` : host}:${httpPort}`;
  }

  async stop(): Promise<void> {
    this.#supervisor.close();
    const startMs = Date.now();
    const stop = (names: readonly string[], byMs: number) => this.#supervisor.stop(names, startMs + byMs - Date.now());
    for (const { stage, byMs } of STOP_ORDER) {
      await stop(
        PROCESSES.filter((process) => process.stage === stage).map(({ name }) => name),
        byMs,
      );
    }
    await stop(['registry'], REGISTRY_STOPPED_BY_MS);
    await stop(
      this.#services.filter((name) => name !== 'registry'),
      SERVICES_STOPPED_BY_MS,
    );
  }

  async #start(spec: ChildSpec, limitMs: number): Promise<void> {
    this.#supervisor.start(spec);
    await this.#supervisor.ready(spec.name, limitMs);
  }
}

/** Takes the home folder for this process; says whether a launcher that was killed has left it taken. Throws ALREADY_RUNNING. */
function takeHome(home: string): { release: () => void; leftBehind: boolean } {
  const file = join(home, 'lock');
  const leftBehind = existsSync(file);
  try {
    return { release: takeLock(file), leftBehind };
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error;
    throw new TidemarkError(
      'ALREADY_RUNNING',
      `Tidemark is already running${runningUrl(home)} (process ${error.pid}, data in ${home}): use that one, stop it, or choose another folder with TIDEMARK_HOME`,
      { cause: error },
    );
  }
}

function runningUrl(home: string): string {
  try {
    return ` at ${(JSON.parse(readFileSync(join(home, 'running.json'), 'utf8')) as { httpUrl: string }).httpUrl}`;
  } catch {
    return '';
  }
}

function checkDisk(home: string): void {
  const { bavail, bsize } = statfsSync(home);
  if (bavail * bsize < MINIMUM_FREE_BYTES) {
    throw new TidemarkError(
      'DISK_FULL',
      `Only ${Math.round((bavail * bsize) / 1024 ** 2)} MiB are free for ${home}: make room for at least 1 GiB, or set TIDEMARK_HOME to a folder on another disk`,
    );
  }
}

/** Where the command line finds the running system. Written whole, so that no reader sees half of it. */
function writeRunning(home: string, urls: SystemUrls, httpUrl: string): void {
  const file = join(home, 'running.json');
  writeFileSync(
    `${file}.new`,
    JSON.stringify({ pid: process.pid, httpUrl, ...urls, startedAt: new Date().toISOString() }, null, 2),
    { mode: 0o600 },
  );
  renameSync(`${file}.new`, file);
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/([^:/@]*):[^@]*@/, '//$1:***@');
}
