import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSystem } from '#ops/embedded/launcher.ts';
import { openKafka } from '#streams/kafka/index.ts';
import { type Services, startServices, until } from './harness.ts';

const TOPIC = 'survivors';
const BACK_LIMIT_MS = 60_000;

/** Processes whose command line or environment names a folder. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((pid) => {
      try {
        return ['cmdline', 'environ'].some((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(folder));
      } catch {
        return false;
      }
    });
}
const pidIn = (...path: string[]) => Number(readFileSync(join(...path), 'utf8'));

describe('embedded Kafka and PostgreSQL', () => {
  let services: Services;
  beforeAll(async () => {
    services = await startServices({ kafka: true, postgres: true });
  });
  afterAll(() => services?.stop());

  const kafka = () => openKafka({ brokers: services.kafkaBrokers, clientId: 'embedded-test' });
  async function produce(key: string): Promise<void> {
    const client = await kafka();
    try {
      await client.createTopics([{ name: TOPIC, partitions: 1, config: { 'retention.ms': '-1' } }]);
      const producer = await client.openProducer();
      await producer.send({ topic: TOPIC, key, value: Buffer.from(key), timestampMs: 1 });
      await producer.flush();
      await producer.close();
    } finally {
      await client.close();
    }
  }
  /** Reached once the broker answers again on its old port with all it had. */
  const kafkaHolds = async (records: number) => {
    const client = await kafka().catch(() => null);
    if (!client) return false;
    try {
      return (await client.offsets(TOPIC, 'latest'))[0] === records;
    } catch {
      return false;
    } finally {
      await client.close();
    }
  };
  async function query(sql: string): Promise<unknown[]> {
    const client = new pg.Client({ connectionString: services.databaseUrl });
    client.on('error', () => {});
    try {
      await client.connect();
      return (await client.query(sql)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  const postgresHolds = async (rows: number) => {
    const found = await query('select id from survivors').catch(() => null);
    return found?.length === rows;
  };

  it('brings the broker back on its port with its records after kill -9', async () => {
    await produce('first');
    process.kill(pidIn(services.home, 'kafka', 'broker.pid'), 'SIGKILL');
    await until('one record after the broker was killed', () => kafkaHolds(1), BACK_LIMIT_MS);
    expect(services.supervisor.restarts('kafka')).toBeGreaterThan(0);
  });

  it('brings the broker back when the process that looks after it is killed', async () => {
    const broker = pidIn(services.home, 'kafka', 'broker.pid');
    await produce('second');
    process.kill(services.supervisor.pid('kafka')!, 'SIGKILL');
    await until('a new broker', () => pidIn(services.home, 'kafka', 'broker.pid') !== broker, BACK_LIMIT_MS);
    await until('two records after its keeper was killed', () => kafkaHolds(2), BACK_LIMIT_MS);
  });

  it('brings the database back with its committed rows after kill -9', async () => {
    await query('create table survivors (id int primary key)');
    await query('insert into survivors values (1), (2)');
    process.kill(pidIn(services.home, 'postgres', 'server.pid'), 'SIGKILL');
    await until('two rows after the server was killed', () => postgresHolds(2), BACK_LIMIT_MS);
    process.kill(services.supervisor.pid('postgres')!, 'SIGKILL');
    await until('a new keeper', () => services.supervisor.restarts('postgres') > 1, BACK_LIMIT_MS);
    await until('two rows after its keeper was killed', () => postgresHolds(2), BACK_LIMIT_MS);
  });

  it('refuses a second start in the same folder', async () => {
    const second = startSystem({ env: { TIDEMARK_HOME: services.home }, services: ['postgres'] });
    await expect(second).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
  });
});

describe('a launcher', () => {
  let home: string;
  let launcher: ChildProcess | null = null;
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'tidemark-launcher-'));
  });
  afterAll(() => {
    launcher?.kill('SIGKILL');
    rmSync(home, { recursive: true, force: true });
  });
  const env = () => ({ TIDEMARK_HOME: home, TIDEMARK_KAFKA_PORT: '0', TIDEMARK_POSTGRES_PORT: '0' });

  it('leaves no process behind when it is killed, and the next one starts at once', async () => {
    const script = `
      const { startSystem } = await import('#ops/embedded/launcher.ts');
      await startSystem({ services: ['kafka', 'postgres'] });
      console.log('up');`;
    launcher = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: join(import.meta.dirname, '..', '..'),
      env: { ...process.env, ...env() },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(launcher.stdout!, 'data');
    expect(processesOf(home).length).toBeGreaterThan(4);
    launcher.kill('SIGKILL');
    await until('no process of the killed launcher', () => processesOf(home).length === 0, 15_000);
    const next = await startSystem({ env: env(), services: ['postgres'] });
    await next.stop();
    expect(processesOf(home)).toEqual([]);
  });

  it('names the setting to change when a port is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const start = startSystem({ env: { ...env(), TIDEMARK_POSTGRES_PORT: String(port) }, services: ['postgres'] });
    await expect(start).rejects.toThrow(`Port ${port} for PostgreSQL is in use`);
    await expect(start).rejects.toThrow('TIDEMARK_POSTGRES_PORT');
    server.close();
  });
});
