import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installKafka, KAFKA_VERSION } from '#ops/embedded/kafka/install.ts';
import { NativeProcess } from '#ops/embedded/native-process.ts';
import { homeFolder } from '#ops/embedded/paths.ts';
import { freePort } from '#ops/embedded/ports.ts';
import { type Kafka, openKafka } from '#streams/kafka/index.ts';
import { until } from './harness.ts';

/** Node ids of the brokers; the controller is a process of its own, so that a quorum is there whichever broker goes. */
export const BROKER_IDS = [1, 2] as const;
export type BrokerId = (typeof BROKER_IDS)[number];
const CONTROLLER_ID = 100;
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;

interface Node {
  readonly id: number;
  readonly configuration: string;
  readonly folder: string;
  process: NativeProcess | null;
}

/**
 * A real Kafka cluster of two brokers and a controller on free loopback ports. Every partition, Kafka's own included, has a replica on
 * both and takes writes while one of them is there: what one led, the other leads when it goes.
 */
export class ClusterOfTwo {
  readonly #folder: string;
  readonly #nodes: ReadonlyMap<number, Node>;
  readonly #classPath: string;
  /** Where clients find the brokers. */
  readonly addresses: readonly string[];

  private constructor(folder: string, classPath: string, nodes: readonly Node[], addresses: readonly string[]) {
    this.#folder = folder;
    this.#classPath = classPath;
    this.#nodes = new Map(nodes.map((node) => [node.id, node]));
    this.addresses = addresses;
  }

  /** Resolves when both brokers serve. */
  static async start(): Promise<ClusterOfTwo> {
    const jars = await installKafka(homeFolder('.tidemark'), () => {}, KAFKA_VERSION);
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-brokers-'));
    const classPath = join(jars, '*');
    const controllerPort = await freePort();
    const voters = `${CONTROLLER_ID}@127.0.0.1:${controllerPort}`;
    const write = (id: number, role: Record<string, string | number>): Node => {
      const base = join(folder, String(id));
      const configuration = `${base}.properties`;
      const properties = {
        'node.id': id,
        'controller.quorum.voters': voters,
        'log.dirs': base,
        ...role,
        ...SETTINGS,
      };
      const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`);
      writeFileSync(configuration, lines.join(''));
      return { id, configuration, folder: base, process: null };
    };
    const nodes = [
      write(CONTROLLER_ID, { 'process.roles': 'controller', listeners: `CONTROLLER://127.0.0.1:${controllerPort}` }),
    ];
    const addresses: string[] = [];
    for (const id of BROKER_IDS) {
      const address = `127.0.0.1:${await freePort()}`;
      addresses.push(address);
      nodes.push(write(id, { 'process.roles': 'broker', listeners: `PLAINTEXT://${address}` }));
    }
    const cluster = new ClusterOfTwo(folder, classPath, nodes, addresses);
    try {
      const clusterId = randomBytes(16).toString('base64url');
      await Promise.all(nodes.map((node) => cluster.#format(node, clusterId)));
      for (const node of nodes) cluster.#run(node);
      await cluster.#serving();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  isRunning(id: BrokerId): boolean {
    return this.#nodes.get(id)!.process !== null;
  }
  /** kill -9. */
  kill(id: BrokerId): Promise<void> {
    return this.#end(id, 'SIGKILL');
  }
  /** Controlled shutdown: it hands over what it leads first. */
  shutDown(id: BrokerId): Promise<void> {
    return this.#end(id, 'SIGTERM');
  }
  /** Starts a broker that is gone; see `inSync` for when it is back. */
  restart(id: BrokerId): void {
    this.#run(this.#nodes.get(id)!);
  }
  /** True when both brokers have every replica up to date: only then may either go without taking a partition along. */
  async inSync(kafka: Kafka): Promise<boolean> {
    const topics = await kafka.cluster.describe(null);
    return topics.every(({ partitions }) => partitions.every(({ isrNodes }) => isrNodes.length === BROKER_IDS.length));
  }
  /** Ends all of it, and removes the data. */
  async stop(): Promise<void> {
    const running = [...this.#nodes.values()].flatMap(({ process }) => process ?? []);
    await Promise.all(running.map((process) => process.stop(0)));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #format({ configuration }: Node, clusterId: string): Promise<void> {
    const args = ['kafka.tools.StorageTool', 'format', `--cluster-id=${clusterId}`, '-c', configuration];
    await promisify(execFile)('java', ['-XX:TieredStopAtLevel=1', '-cp', this.#classPath, ...args]);
  }
  #run(node: Node): void {
    const { id, configuration, folder } = node;
    node.process = new NativeProcess({
      command: 'java',
      args: [
        ...(id === CONTROLLER_ID ? ['-Xmx128m'] : ['-Xms192m', '-Xmx384m']),
        // For a process of a minute or two on a busy machine the second compiler costs more than it gives.
        '-XX:TieredStopAtLevel=1',
        '-XX:+UseSerialGC',
        '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
        `-Dkafka.logs.dir=${this.#folder}`,
        '-cp',
        this.#classPath,
        'kafka.Kafka',
        configuration,
      ],
      logFile: `${folder}.log`,
      pidFile: `${folder}.pid`,
      stopSignal: 'SIGTERM',
    });
  }
  async #end(id: BrokerId, signal: NodeJS.Signals): Promise<void> {
    const node = this.#nodes.get(id)!;
    const { process } = node;
    if (!process) return;
    node.process = null;
    if (signal === 'SIGTERM') return process.stop(STOP_LIMIT_MS);
    process.child.kill(signal);
    await process.ended;
  }
  async #serving(): Promise<void> {
    const opened = { kafka: null as Kafka | null };
    try {
      const open = async () => {
        opened.kafka = await openKafka({ brokers: this.addresses, clientId: 'brokers' }).catch(() => null);
        return opened.kafka !== null;
      };
      await until('a broker to answer', open, START_LIMIT_MS);
      for (const id of BROKER_IDS)
        await until(`broker ${id} to serve`, () => isServing(opened.kafka!, id), START_LIMIT_MS);
    } finally {
      await opened.kafka?.close();
    }
  }
}

const SETTINGS = {
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
  'default.replication.factor': 2,
  'min.insync.replicas': 1,
  'offsets.topic.replication.factor': 2,
  'offsets.topic.num.partitions': 4,
  'transaction.state.log.replication.factor': 2,
  'transaction.state.log.min.isr': 1,
  'transaction.state.log.num.partitions': 4,
  // What a test waits for, shorter than anybody would want it otherwise.
  'broker.session.timeout.ms': 2_000,
  'broker.heartbeat.interval.ms': 500,
  'group.min.session.timeout.ms': 1_000,
  'group.initial.rebalance.delay.ms': 0,
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': 500,
  // Leaders go back to nobody by themselves: a test says who leads.
  'auto.leader.rebalance.enable': false,
  'auto.create.topics.enable': false,
  'log.retention.ms': -1,
};

/** True when a broker is part of the cluster and takes connections. */
async function isServing(kafka: Kafka, id: BrokerId): Promise<boolean> {
  try {
    await kafka.cluster.describe([]);
    await (await kafka.cluster.newConnection(id)).close();
    return true;
  } catch {
    return false;
  }
}
