import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { repositoryRoot } from '#ops/embedded/paths.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { Contender } from './contender.ts';
import type { RunSpec } from './runs.ts';

const PROJECT = join(import.meta.dirname, '..', 'peers', 'kafka-streams');
const BUILD = join(repositoryRoot, '.tidemark', 'bench', 'kafka-streams');
/** As much as it likes: our process has no limit either. */
const JVM = ['-Xms512m', '-Xmx4g', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];
const CACHE_BYTES = 64 * 1024 * 1024;
/** Of the producer: Kafka's default, and what serves this job best (tried). */
export const BatchBytes = { asItComes: 16 * 1024, tuned: 256 * 1024 } as const;

/** Builds the Kafka Streams program unless it is there already. Throws MAVEN_MISSING, PEER_BUILD_FAILED. */
export function buildPeer(log: (text: string) => void): void {
  const stamp = join(BUILD, 'complete');
  const wanted = sourcesHash();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  log('building the Kafka Streams program with Maven');
  mkdirSync(BUILD, { recursive: true });
  const args = ['-q', '-B', '-f', join(PROJECT, 'pom.xml'), `-DbuildFolder=${BUILD}`, 'package'];
  // Without the network first: a Maven that looks for newer versions takes much longer.
  const tries = [['-o', ...args], args].map((each) => () => spawnSync('mvn', each, { encoding: 'utf8' }));
  let output = '';
  for (const run of tries) {
    const { status, error, stdout, stderr } = run();
    if (error) {
      const advice = 'No mvn command was found: install Maven (Debian: apt-get install maven) and a JDK from 17';
      throw new TidemarkError('MAVEN_MISSING', advice, { cause: error });
    }
    if (status === 0) {
      writeFileSync(stamp, wanted);
      return;
    }
    output = `${stdout}${stderr}`;
  }
  const advice = 'Maven could not build the Kafka Streams program (it needs a JDK from 17, and the network once)';
  throw new TidemarkError('PEER_BUILD_FAILED', `${advice}:\n${output.slice(-2_000)}`);
}

/** The version of Kafka Streams that is measured. */
export const peerVersion = (): string =>
  />kafka-streams<\/artifactId>\s*<version>([^<]+)/.exec(readFileSync(join(PROJECT, 'pom.xml'), 'utf8'))![1]!;

/** Starts the Kafka Streams program on a run's topics, in one process with as many stream threads as asked for. */
export const startPeer =
  (batchBytes: number) =>
  (run: RunSpec): Contender[] => {
    const { brokers, name, input, output, inputSchemaId, outputSchemaId, commitIntervalMs, threads, stateFolder } = run;
    const options = {
      brokers: brokers.join(','),
      application: name,
      input,
      output,
      inputSchema: inputSchemaId,
      outputSchema: outputSchemaId,
      threads,
      commitIntervalMs,
      cacheBytes: run.mode === 'conflated' ? CACHE_BYTES : 0,
      batchBytes,
      stateDir: stateFolder,
    };
    const classPath = [join(BUILD, 'classes'), join(BUILD, 'jars', '*')].join(delimiter);
    const args = Object.entries(options).map(([key, value]) => `${key}=${value}`);
    return [new Contender('java', [...JVM, '-cp', classPath, 'tidemark.bench.PositionsJob', ...args])];
  };

function sourcesHash(): string {
  const hash = createHash('sha256').update(readFileSync(join(PROJECT, 'pom.xml')));
  const folder = join(PROJECT, 'src', 'main', 'java', 'tidemark', 'bench');
  for (const file of readdirSync(folder).sort()) hash.update(file).update(readFileSync(join(folder, file)));
  return hash.digest('hex');
}
