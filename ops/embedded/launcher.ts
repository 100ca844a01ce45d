import { mkdirSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS } from '#schemas/settings.ts';
import { readSettings, type Settings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { LockHeld, takeLock } from '#streams/kit/lock.ts';
import { installKafka } from './kafka/install.ts';
import { homeFolder } from './paths.ts';
import { claimPort, freePort } from './ports.ts';
import { embeddedDatabaseUrl } from './postgres/access.ts';
import { prepareSystem, type SystemUrls } from './prepare-system.ts';
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
  { name: 'sink-postgres', file: 'sinks/postgres/main.ts', stage: 'sink' },
  { name: 'sink-clickhouse', file: 'sinks/clickhouse/main.ts', stage: 'sink' },
  { name: 'api', file: 'api/main.ts', stage: 'api' },
  { name: 'paper-venue', file: 'connectors/paper/main.ts', stage: 'connector' },
  { name: 'demo', file: 'connectors/demo/main.ts', stage: 'connector' },
  { name: 'replay', file: 'connectors/replay/main.ts', stage: 'connector', finishes: true },
];
const STOP_ORDER = ['connector', 'processor', 'sink', 'api'] as const;
const READY_LIMIT_MS = 90_000;
const MINIMUM_FREE_BYTES = 1024 ** 3;

/**
 * Starts Tidemark: embedded services for every URL that is not set, topics, schemas, migrations, then our processes. Throws
 * ALREADY_RUNNING, PORT_IN_USE, DISK_FULL, CONFIG_INVALID or START_FAILED; what was started is stopped again.
 */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const env = { ...process.env, ...options.env };
  const settings = readSettings(SETTINGS, env);
  const home = homeFolder(settings.TIDEMARK_HOME);
  const progress = options.progress ?? (() => {});
  mkdirSync(home, { recursive: true });
  checkDisk(home);
  const release = takeHome(home);
  const supervisor = new Supervisor(join(home, 'logs'), progress);
  const launch = new Launch(settings, { ...env, TIDEMARK_HOME: home }, home, supervisor, progress);
  try {
    const urls = await launch.services(options.services ?? (Object.keys(SERVICES) as ServiceName[]));
    let httpUrl = '';
    if (!options.services) {
      await prepareSystem(urls, progress);
      httpUrl = await launch.processes(urls, options.without ?? []);
      writeRunning(home, urls, httpUrl);
    }
    const stop = async () => {
      rmSync(join(home, 'running.json'), { force: true });
      await launch.stop();
      release();
    };
    return { ...urls, httpUrl, home, supervisor, stop };
  } catch (error) {
    await launch.stop();
    release();
    throw error;
  }
}

class Launch {
  readonly #settings: Settings<typeof SETTINGS>;
  readonly #env: NodeJS.ProcessEnv;
  readonly #home: string;
  readonly #supervisor: Supervisor;
  readonly #progress: (text: string) => void;
  #services: ServiceName[] = [];

  constructor(
    settings: Settings<typeof SETTINGS>,
    env: NodeJS.ProcessEnv,
    home: string,
    supervisor: Supervisor,
    progress: (text: string) => void,
  ) {
    this.#settings = settings;
    this.#env = env;
    this.#home = home;
    this.#supervisor = supervisor;
    this.#progress = progress;
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
    const ports = {
      kafka: embedded.includes('kafka')
        ? await claimPort(settings.TIDEMARK_KAFKA_PORT, 'TIDEMARK_KAFKA_PORT', 'Kafka')
        : 0,
      registry: embedded.includes('registry')
        ? await claimPort(settings.TIDEMARK_REGISTRY_PORT, 'TIDEMARK_REGISTRY_PORT', 'the schema registry')
        : 0,
      postgres: embedded.includes('postgres')
        ? await claimPort(settings.TIDEMARK_POSTGRES_PORT, 'TIDEMARK_POSTGRES_PORT', 'PostgreSQL')
        : 0,
      clickhouse: embedded.includes('clickhouse')
        ? await claimPort(settings.TIDEMARK_CLICKHOUSE_PORT, 'TIDEMARK_CLICKHOUSE_PORT', 'ClickHouse')
        : 0,
    };
    for (const name of wanted) if (given[name]) this.#progress(`${name}: using ${withoutPassword(given[name])}`);
    if (embedded.includes('kafka')) await installKafka(this.#home, this.#progress);
    const brokers = given.kafka ?? `127.0.0.1:${ports.kafka}`;
    const start = async (name: ServiceName) => {
      const portSetting = { [`TIDEMARK_${name.toUpperCase()}_PORT`]: String(ports[name]) };
      const env = { ...this.#env, ...portSetting, ...(name === 'registry' ? { KAFKA_BROKERS: brokers } : {}) };
      await this.#start({ name, file: SERVICES[name], env }, `${name} is up on port ${ports[name]}`);
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
    const httpPort = await claimPort(settings.TIDEMARK_HTTP_PORT, 'TIDEMARK_HTTP_PORT', 'the page', host);
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
          .map((process) => this.#start({ ...process, env, statusPort: statusPorts.get(process.name)! })),
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

  /** Connectors first, services last: what is on its way is committed before its roads close. */
  async stop(): Promise<void> {
    for (const stage of STOP_ORDER) {
      await this.#supervisor.stop(PROCESSES.filter((process) => process.stage === stage).map(({ name }) => name));
    }
    await this.#supervisor.stop(['registry']);
    await this.#supervisor.stop(this.#services.filter((name) => name !== 'registry'));
  }

  async #start(spec: Omit<ChildSpec, 'statusPort'> & { statusPort?: number }, done?: string): Promise<void> {
    const statusPort = spec.statusPort ?? (await freePort());
    this.#supervisor.start({ ...spec, statusPort });
    await this.#supervisor.ready(spec.name, READY_LIMIT_MS);
    if (done) this.#progress(done);
  }
}

function takeHome(home: string): () => void {
  try {
    return takeLock(join(home, 'lock'));
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error;
    throw new TidemarkError(
      'ALREADY_RUNNING',
      `Tidemark is already running here (process ${error.pid}, ${home}); stop it, or choose another folder with TIDEMARK_HOME`,
      { cause: error },
    );
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
