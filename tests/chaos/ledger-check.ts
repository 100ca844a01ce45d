import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import type { System } from '#ops/embedded/launcher.ts';
import { AVRO } from '#schemas/avro.ts';
import { formatDecimal } from '#schemas/decimal.ts';
import type { TopicName } from '#schemas/topics.ts';
import { openReadStore } from '#sinks/postgres/read.ts';
import { type Kafka, openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { until } from '#tests/integration/harness.ts';

/** What the batch calculation reads and what it is compared with. */
const LEDGER_TOPICS: readonly TopicName[] = [
  'market.trades',
  'orders.fills',
  'portfolio.cash',
  'reference.instruments',
  'portfolio.positions',
  'portfolio.pnl',
];
const GROUP_INPUTS: Readonly<Record<string, readonly string[]>> = {
  positions: ['orders.fills', 'reference.instruments', 'market.trades', 'positions.fills-by-instrument.repartition'],
  portfolio: ['portfolio.positions', 'portfolio.cash'],
};
/** Tables and views that must hold one row per record of their topic. */
const ROW_COUNTS = {
  postgres: { 'orders.fills': 'fills', 'portfolio.pnl': 'portfolio_pnl', 'portfolio.cash': 'cash_movements' },
  clickhouse: {
    'market.trades': 'trades',
    'orders.fills': 'fills',
    'portfolio.positions': 'positions',
    'portfolio.pnl': 'pnl',
  },
} as const;

/** Resolves when topologies and sinks have everything that is in the topics. */
export async function untilCaughtUp(system: System, limitMs: number): Promise<void> {
  const kafka = await openKafka({ brokers: system.kafkaBrokers, clientId: 'ledger-check' });
  const behind = async (group: string, topic: string) => {
    const ends = await kafka.offsets(topic, 'latest-stable');
    const committed = await kafka.committedOffsets(group, topic);
    return ends.some((end, partition) => end > Math.max(0, committed[partition]!));
  };
  try {
    // Twice in a row: what one stage has just written may still be on its way into the next.
    let calm = 0;
    const current = async () => {
      for (const [group, topics] of Object.entries(GROUP_INPUTS)) {
        for (const topic of topics) if (await behind(group, topic)) return false;
      }
      return !(await sinksBehind(system, kafka));
    };
    await until(
      'topologies and sinks to catch up',
      async () => {
        // A service that is just coming back is a reason to look again, not to fail.
        calm = (await current().catch(() => false)) ? calm + 1 : 0;
        return calm >= 2;
      },
      limitMs,
    );
  } finally {
    await kafka.close();
  }
}

async function sinksBehind(system: System, kafka: Kafka): Promise<boolean> {
  const store = openReadStore(system.databaseUrl);
  try {
    const stored = await store.sinkOffsets();
    for (const topic of Object.keys(ROW_COUNTS.postgres)) {
      for (const [partition, end] of (await kafka.offsets(topic, 'latest-stable')).entries()) {
        const next = stored.find((row) => row.topic === topic && row.partition === partition)?.nextOffset ?? 0;
        if (next < end) return true;
      }
    }
  } finally {
    await store.close();
  }
  const counts = await topicCounts(system, kafka, Object.keys(ROW_COUNTS.clickhouse) as TopicName[]);
  const rows = await clickhouseCounts(system);
  return Object.entries(counts).some(([topic, count]) => (rows[topic] ?? 0) < count);
}

async function topicCounts(
  system: System,
  kafka: Kafka,
  topics: readonly TopicName[],
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const topic of topics) counts[topic] = (await readAll(system, kafka, topic)).length;
  return counts;
}

/** Every committed record of a topic as `tidemark export --format jsonl` prints it. */
async function readAll(system: System, kafka: Kafka, topic: TopicName): Promise<string[]> {
  const serde = await topicSerde<unknown>(new SchemaRegistry(system.registryUrl), topic, AVRO[topic]);
  const ends = await kafka.offsets(topic, 'latest-stable');
  const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
  const lines: string[] = [];
  while (ends.some((end, partition) => reader.position(topic, partition) < end)) {
    for (const { partition, records } of await reader.poll()) {
      for (const { offset, timestampMs, key, value } of records) {
        if (offset >= ends[partition]!) continue;
        const decoded = value === null ? null : await decode(() => serde.decodeAsync(value));
        if (decoded === undefined) continue;
        const line = {
          topic,
          partition,
          offset,
          timestamp: new Date(timestampMs).toISOString(),
          key: key?.toString() ?? null,
          value: decoded,
        };
        lines.push(JSON.stringify(line, (_name, field) => (typeof field === 'bigint' ? formatDecimal(field) : field)));
      }
    }
  }
  await reader.close();
  return lines;
}

/** Undefined for a record that is not Avro: it is with the dead letters, and no business of the ledger. */
async function decode(read: () => Promise<unknown>): Promise<unknown> {
  try {
    return await read();
  } catch {
    return undefined;
  }
}

export interface LedgerCheck {
  /** What the batch calculation said: every difference, and what was compared. */
  readonly report: string;
  readonly exact: boolean;
  /** Records in Kafka, rows in PostgreSQL and in ClickHouse, by topic. */
  readonly counts: Readonly<Record<'kafka' | 'postgres' | 'clickhouse', Record<string, number>>>;
}

/** Holds the streaming figures against the independent batch calculation, and row counts against the topics'. */
export async function checkLedger(system: System, options: { drawdown: boolean }): Promise<LedgerCheck> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-ledger-'));
  const kafka = await openKafka({ brokers: system.kafkaBrokers, clientId: 'ledger-check' });
  try {
    const kafkaCounts: Record<string, number> = {};
    for (const topic of LEDGER_TOPICS) {
      const lines = await readAll(system, kafka, topic);
      kafkaCounts[topic] = lines.length;
      writeFileSync(join(folder, `${topic}.jsonl`), lines.map((line) => `${line}\n`).join(''));
    }
    const script = resolve(import.meta.dirname, '..', 'golden', 'batch_ledger.py');
    const args = [script, folder, '--compare', folder, ...(options.drawdown ? ['--drawdown'] : [])];
    const { report, exact } = await promisify(execFile)('python3', args, { maxBuffer: 64 * 1024 * 1024 }).then(
      ({ stdout }) => ({ report: stdout, exact: true }),
      (error: { stdout: string; stderr: string }) => ({
        report: `${error.stderr}\n${error.stdout.slice(0, 4_000)}`,
        exact: false,
      }),
    );
    return {
      report,
      exact,
      counts: {
        kafka: kafkaCounts,
        postgres: await postgresCounts(system),
        clickhouse: await clickhouseCounts(system),
      },
    };
  } finally {
    await kafka.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The counts that must agree, topic by topic, as pairs to compare. */
export function expectedCounts({ counts }: LedgerCheck): {
  rows: Record<string, number>;
  records: Record<string, number>;
} {
  const rows: Record<string, number> = {};
  const records: Record<string, number> = {};
  for (const store of ['postgres', 'clickhouse'] as const) {
    for (const topic of Object.keys(ROW_COUNTS[store])) {
      rows[`${store} ${topic}`] = counts[store][topic]!;
      records[`${store} ${topic}`] = counts.kafka[topic]!;
    }
  }
  return { rows, records };
}

async function postgresCounts(system: System): Promise<Record<string, number>> {
  const client = new pg.Client(system.databaseUrl);
  await client.connect();
  try {
    const counts: Record<string, number> = {};
    for (const [topic, table] of Object.entries(ROW_COUNTS.postgres)) {
      counts[topic] = Number((await client.query(`select count(*) from ${table}`)).rows[0].count);
    }
    return counts;
  } finally {
    await client.end();
  }
}

async function clickhouseCounts(system: System): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const [topic, view] of Object.entries(ROW_COUNTS.clickhouse)) {
    const response = await fetch(
      `${system.clickhouseUrl}/?database=tidemark&query=${encodeURIComponent(`select count() from ${view}`)}`,
    );
    counts[topic] = Number(await response.text());
  }
  return counts;
}

/** The process id of the embedded broker's JVM, PostgreSQL's server or such: what a service's own process supervises. */
export const nativePid = (system: System, file: string): number =>
  Number(readFileSync(join(system.home, file), 'utf8'));
