import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TidemarkError } from '#streams/kit/errors.ts';
import { toolFolder } from '../tools.ts';

/**
 * Not 4.3 or 4.4: after a kill, when their broker's own partitions have no leader for a moment, they take the markers of a transaction
 * that was ending for those of a deleted topic and leave them out. Its partitions then stay open for ever (`getPartitionLeaderEndpoint`
 * of KRaftMetadataCache is empty without a leader since it was moved to Java; 4.2 has `noNode`, which waits).
 */
export const KAFKA_VERSION = '4.2.1';
/** What homes have from before they noted their version. */
const UNNOTED_VERSION = '4.4.0';
const JARS = 45;
const MINIMUM_JAVA = 17;

/** The version of Kafka whose data a home has, that of a new one otherwise: a broker does not read what a newer one has written. */
export function kafkaVersion(home: string): string {
  const noted = join(home, 'kafka', 'version');
  if (existsSync(noted)) return readFileSync(noted, 'utf8').trim();
  return existsSync(join(home, 'kafka', 'data', 'meta.properties')) ? UNNOTED_VERSION : KAFKA_VERSION;
}

/** Before a home's data is made. */
export function noteKafkaVersion(home: string, version: string): void {
  writeFileSync(join(home, 'kafka', 'version'), `${version}\n`);
}

/** The folder of Kafka's jars; fetches them by Maven when they are not there. Throws JAVA_MISSING, MAVEN_MISSING, KAFKA_DOWNLOAD_FAILED. */
export async function installKafka(
  home: string,
  progress: (text: string) => void,
  version = kafkaVersion(home),
): Promise<string> {
  await checkJava();
  const folder = toolFolder(home, `kafka-${version}`);
  const pom = join(import.meta.dirname, 'pom.xml');
  const wanted = createHash('sha256').update(readFileSync(pom)).digest('hex');
  const stamp = join(folder, 'complete');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return folder;
  mkdirSync(folder, { recursive: true });
  const tell = () => progress(`fetching Kafka ${version}: ${jars(folder)} of ${JARS} jars`);
  tell();
  const timer = setInterval(tell, 5_000);
  try {
    await maven([
      '-q',
      '-B',
      '-f',
      pom,
      'dependency:copy-dependencies',
      `-Dkafka.version=${version}`,
      `-DoutputDirectory=${folder}`,
    ]);
  } finally {
    clearInterval(timer);
  }
  writeFileSync(stamp, wanted);
  return folder;
}

const jars = (folder: string) => readdirSync(folder).filter((file) => file.endsWith('.jar')).length;

async function checkJava(): Promise<void> {
  const advice = `Kafka needs Java ${MINIMUM_JAVA} or newer: install it (Debian: apt-get install openjdk-17-jre-headless), or set KAFKA_BROKERS to a Kafka of yours`;
  let text: string;
  try {
    text = (await promisify(execFile)('java', ['-version'])).stderr;
  } catch (error) {
    throw new TidemarkError('JAVA_MISSING', `No java command was found. ${advice}`, { cause: error });
  }
  const version = Number(/version "(\d+)/.exec(text)?.[1] ?? MINIMUM_JAVA);
  if (version < MINIMUM_JAVA)
    throw new TidemarkError('JAVA_MISSING', `The java command is version ${version}. ${advice}`);
}

async function maven(args: readonly string[]): Promise<void> {
  const child = spawn('mvn', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const end = () => child.kill();
  process.once('exit', end);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      output = (output + data).slice(-2_000);
    });
  }
  await new Promise<void>((resolve, reject) => {
    child.once('error', (error) => {
      const message =
        'No mvn command was found: install Maven (Debian: apt-get install maven), or set KAFKA_BROKERS to a Kafka of yours';
      reject(new TidemarkError('MAVEN_MISSING', message, { cause: error }));
    });
    child.once('exit', (code) => {
      process.off('exit', end);
      if (code === 0) resolve();
      else
        reject(
          new TidemarkError(
            'KAFKA_DOWNLOAD_FAILED',
            `Maven could not fetch Kafka (exit code ${code}); is the network there? Its last words:\n${output.trim()}`,
          ),
        );
    });
  });
}
