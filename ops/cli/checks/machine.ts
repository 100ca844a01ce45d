import { execFile } from 'node:child_process';
import { existsSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { kafkaVersion } from '#ops/embedded/kafka/install.ts';
import { toolFolder } from '#ops/embedded/tools.ts';
import { attempt, type Finding, well, wrong } from './finding.ts';

const GIB = 1024 ** 3;
const MINIMUM_NODE = 24;
const MINIMUM_JAVA = 17;
const MINIMUM_DISK_BYTES = GIB;
/** Kafka 360 MB, ClickHouse and PostgreSQL and eight Node processes beside it. */
const MINIMUM_MEMORY_BYTES = 1.5 * GIB;

const output = async (command: string, args: readonly string[]): Promise<string> => {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, [...args]);
    return stdout + stderr;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Error(`there is no ${command} command`);
    throw error;
  }
};
const gib = (bytes: number) => `${(bytes / GIB).toFixed(1)} GiB`;

/** Programs, disk and memory that a start needs. `embeddedKafka`: no brokers of the user's own. */
export function machineFindings(home: string, embeddedKafka: boolean, running: boolean): Promise<Finding[]> {
  const checks = [node(), npm(), disk(home)];
  if (!running) checks.push(memory());
  if (embeddedKafka) checks.push(java(), maven(home));
  return Promise.all(checks);
}

async function node(): Promise<Finding> {
  const [major] = process.versions.node.split('.').map(Number);
  const detail = `${process.versions.node} at ${process.execPath}`;
  if (major! >= MINIMUM_NODE) return well('Node', detail);
  return wrong('Node', detail, `start by \`npm start\` or \`npx tidemark\`, which fetch Node ${MINIMUM_NODE}`);
}

const npm = () =>
  attempt('npm', 'install npm (Debian: apt-get install npm)', async () => (await output('npm', ['--version'])).trim());

const java = () => {
  const advice = `install Java ${MINIMUM_JAVA} or newer (Debian: apt-get install openjdk-17-jre-headless), or set KAFKA_BROKERS`;
  return attempt('Java', advice, async () => {
    const text = await output('java', ['-version']);
    const version = Number(/version "(\d+)/.exec(text)?.[1]);
    const detail = text.split('\n')[0]!.trim();
    return version >= MINIMUM_JAVA ? detail : wrong('Java', `${detail}: too old`, advice);
  });
};

const maven = (home: string) =>
  attempt('Maven', 'install Maven (Debian: apt-get install maven), or set KAFKA_BROKERS', async () => {
    const version = kafkaVersion(home);
    if (existsSync(join(toolFolder(home, `kafka-${version}`), 'complete')))
      return `not needed: Kafka ${version} is here`;
    return (await output('mvn', ['--version'])).split('\n')[0]!.trim();
  });

const disk = (home: string) =>
  attempt('Disk', 'make TIDEMARK_HOME a folder that can be read and written', async () => {
    let folder = home;
    while (!existsSync(folder)) folder = dirname(folder);
    const { bavail, bsize } = statfsSync(folder);
    const detail = `${gib(bavail * bsize)} free for ${home}`;
    if (bavail * bsize >= MINIMUM_DISK_BYTES) return detail;
    return wrong('Disk', detail, 'make room for 1 GiB at least, or set TIDEMARK_HOME to a folder on another disk');
  });

async function memory(): Promise<Finding> {
  const bytes = process.availableMemory();
  const detail = `${gib(bytes)} available`;
  if (bytes >= MINIMUM_MEMORY_BYTES) return well('Memory', detail);
  return wrong(
    'Memory',
    detail,
    `${gib(MINIMUM_MEMORY_BYTES)} are wanted: end other programs, or set the URLs of services elsewhere`,
  );
}
