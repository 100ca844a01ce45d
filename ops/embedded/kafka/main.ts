import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { SETTINGS } from '#schemas/settings.ts';
import { MAX_MESSAGE_BYTES } from '#schemas/topics.ts';
import { readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { runService } from '#streams/kit/service.ts';
import { endLeftBehind, NativeProcess } from '../native-process.ts';
import { homeFolder } from '../paths.ts';
import { freePort } from '../ports.ts';
import { installKafka, KAFKA_VERSION, kafkaVersion, noteKafkaVersion } from './install.ts';

/** After a crash the broker recovers its logs first. */
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 5_000;

/** One embedded broker in KRaft mode on loopback; data in `$TIDEMARK_HOME/kafka`. */
await runService('kafka', async ({ log, signal }) => {
  const settings = readSettings(SETTINGS, process.env);
  const home = homeFolder(settings.TIDEMARK_HOME);
  const version = kafkaVersion(home);
  if (version !== KAFKA_VERSION)
    log.warn(
      `the data of this home is Kafka ${version}'s, which may leave a transaction open for ever when it is killed; a new home gets ${KAFKA_VERSION}`,
    );
  const jars = await installKafka(home, (text) => log.info(text), version);
  const folder = join(home, 'kafka');
  const data = join(folder, 'data');
  mkdirSync(folder, { recursive: true });
  const configuration = join(folder, 'server.properties');
  writeFileSync(
    configuration,
    await serverProperties(settings.TIDEMARK_KAFKA_PORT, data, settings.TIDEMARK_KAFKA_PROPERTIES ?? []),
  );
  const pidFile = join(folder, 'broker.pid');
  await endLeftBehind(pidFile, configuration, 'SIGTERM');
  const classPath = join(jars, '*');
  if (!existsSync(join(data, 'meta.properties'))) {
    noteKafkaVersion(home, version);
    const clusterId = randomBytes(16).toString('base64url');
    await promisify(execFile)('java', [
      '-cp',
      classPath,
      'kafka.tools.StorageTool',
      'format',
      // One word: an id may begin with a dash, and would be taken for an option.
      `--cluster-id=${clusterId}`,
      '-c',
      configuration,
    ]);
  }
  const broker = new NativeProcess({
    command: 'java',
    args: [
      '-Xms256m',
      '-Xmx512m',
      '-XX:+UseG1GC',
      // What goes wrong, into the log file; the rest would be a line for every segment.
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
      '-Dorg.slf4j.simpleLogger.showDateTime=true',
      "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
      `-Dkafka.logs.dir=${folder}`,
      '-cp',
      classPath,
      'kafka.Kafka',
      configuration,
    ],
    logFile: join(folder, 'broker.log'),
    pidFile,
    stopSignal: 'SIGTERM',
  });
  let stopping = false;
  const ended = broker.ended.then((how) => {
    if (stopping) return;
    throw new TidemarkError('KAFKA_ENDED', `The Kafka broker is gone: ${how}; see ${join(folder, 'broker.log')}`);
  });
  ended.catch(() => undefined);
  signal.addEventListener('abort', () => broker.child.kill('SIGTERM'));
  await Promise.race([ended, accepting(settings.TIDEMARK_KAFKA_PORT, signal)]);
  return {
    notReady: () => null,
    done: ended,
    stop: () => {
      stopping = true;
      return broker.stop(STOP_LIMIT_MS);
    },
  };
});

async function serverProperties(port: number, data: string, further: readonly string[]): Promise<string> {
  const controllerPort = await freePort();
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': data,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 8,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    // A killed broker is not let back in before its session has run out (9 s by default: 15 s until it served again).
    'broker.session.timeout.ms': 3_000,
    'broker.heartbeat.interval.ms': 1_000,
    'auto.create.topics.enable': false,
    'message.max.bytes': MAX_MESSAGE_BYTES,
    // Committed offsets must outlive a long holiday.
    'offsets.retention.minutes': 2_147_483_647,
    // Event times may be from 1990: what a topic does not say otherwise must not expire by them.
    'log.retention.ms': -1,
    ...Object.fromEntries(further.map((pair) => pair.split('=') as [string, string])),
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

async function accepting(port: number, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS;
  while (!signal.aborted) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = createConnection({ port, host: '127.0.0.1' });
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    if (Date.now() > deadline)
      throw new TidemarkError(
        'KAFKA_NOT_READY',
        `The Kafka broker does not listen on port ${port} after ${START_LIMIT_MS / 1000} s`,
      );
    await sleep(100);
  }
}
