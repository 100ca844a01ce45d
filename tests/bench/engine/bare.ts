import { setTimeout as sleep } from 'node:timers/promises';
import { BatchCursor } from '#streams/kafka/codec/batch-cursor.ts';
import { fetchRaw } from '#streams/kafka/codec/requests.ts';
import { openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { murmur2PartitionOf } from '#streams/kafka/murmur2.ts';
import { TransactionalProducer } from '#streams/kafka/transactions.ts';
import { silentLog } from '#streams/kit/log.ts';
import { StringCache } from '#streams/kit/string-cache.ts';
import { after, type BenchPnl, type BenchPosition, type BenchTrade, EMPTY, PNL, pnlOf, TRADE } from '../job.ts';
import { say } from './child.ts';
import type { RunSpec } from './runs.ts';

/**
 * The job without a runtime, as fast as these parts go: fetch, decode, a Map of objects, encode, transactions that
 * commit outputs and offsets. No group, no changelog, no poison, no order between partitions; state would have to be
 * read back from the outputs.
 */
const { brokers, registryUrl, name, input, output, commitIntervalMs } = JSON.parse(process.argv[2]!) as RunSpec;
const PARTITION_BYTES = 1280 * 1024;
/** What the broker has not acknowledged; more would only wait in memory. */
const BACKLOG_BYTES = 32 * 1024 * 1024;
const kafka = await openKafka({ brokers, clientId: name, log: silentLog });
const { cluster } = kafka;
const registry = new SchemaRegistry(registryUrl);
const trades = await topicSerde<BenchTrade>(registry, input, TRADE);
const pnl = await topicSerde<BenchPnl>(registry, output, PNL);
const producer = new TransactionalProducer({ cluster, transactionalId: name, transactionTimeoutMs: 60_000 });
await producer.start();
const positions = Array.from({ length: await kafka.partitions(input) }, () => 0);
const targets = positions.map((_, partition) => producer.target(output, partition));
const membership = { groupId: name, memberId: '', generationId: -1, instanceId: null };
const state = new Map<string, BenchPosition>();
const keys = new StringCache();
const value = Buffer.allocUnsafe(256);
let committing = false;
let committedMs = performance.now();
let changed = false;
let begun = false;

process.once('SIGTERM', () => process.exit(0));
await Promise.all(positions.map((_, partition) => follow(partition)));

/** Works on one partition for ever; its next fetch is under way while the others are worked on. */
async function follow(partition: number): Promise<void> {
  const connection = await cluster.newConnection(await cluster.leader(input, partition));
  for (;;) {
    const fetchOffset = positions[partition]!;
    const request = { topic: input, partition, fetchOffset, maxBytes: PARTITION_BYTES };
    const [answer] = await fetchRaw(connection, {
      maxWaitMs: 50,
      minBytes: 1,
      maxBytes: PARTITION_BYTES,
      isolation: 'read_committed',
      partitions: [request],
    });
    const { records, abortedTransactions, errorCode } = answer!;
    if (errorCode !== 0) throw new Error(`fetching ${input}/${partition} failed with Kafka error ${errorCode}`);
    if (records !== null) {
      const cursor = new BatchCursor(records, { ...request, abortedTransactions });
      work(cursor);
      positions[partition] = cursor.nextOffset;
      producer.pump();
      while (producer.backlogBytes > BACKLOG_BYTES) await sleep(1);
    }
    if (changed && !committing && performance.now() - committedMs >= commitIntervalMs) void commit();
  }
}

function work(cursor: BatchCursor): void {
  while (cursor.next()) {
    if (!begun) {
      begun = true;
      say({ firstMs: Date.now() });
    }
    const { buffer, keyStart, keyEnd } = cursor;
    const key = keys.get(buffer, keyStart, keyEnd);
    const position = after(state.get(key) ?? EMPTY, trades.decode(buffer, cursor.valueStart, cursor.valueEnd));
    state.set(key, position);
    const end = pnl.encodeInto(pnlOf(position), value, 0);
    const target = targets[murmur2PartitionOf(buffer, keyStart, keyEnd, targets.length)]!;
    producer.append(target, buffer, keyStart, keyEnd, value, 0, end, cursor.timestampMs);
    changed = true;
  }
}

async function commit(): Promise<void> {
  const offsets = positions.map((offset, partition) => ({ topic: input, partition, offset, metadata: '' }));
  committedMs = performance.now();
  committing = true;
  changed = false;
  await producer.commit(offsets, membership);
  committing = false;
}
