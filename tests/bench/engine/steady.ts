import { setTimeout as sleep } from 'node:timers/promises';
import { type Producer, type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { type BenchTrade, TRADE } from '../job.ts';
import type { TradeSource } from './data.ts';

/** The wall clock as microseconds with the resolution of the monotonic one. */
export const nowMicros = (): number => Math.round((performance.timeOrigin + performance.now()) * 1000);

/**
 * Sends trades at a steady rate, each with the wall clock at its sending as event time. What is due leaves every
 * millisecond, without waiting for a batch to fill; a sender that was held up catches up.
 */
export async function sendSteadily(
  { producer, registry, source }: { producer: Producer; registry: SchemaRegistry; source: TradeSource },
  { topic, ratePerSecond, seconds }: { topic: string; ratePerSecond: number; seconds: number },
): Promise<void> {
  const serde = await topicSerde<BenchTrade>(registry, topic, TRADE);
  const total = ratePerSecond * seconds;
  const startMs = performance.now();
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - startMs) * ratePerSecond) / 1000));
    for (; sent < due; sent++) {
      const eventTime = nowMicros();
      const { key, trade } = source.next(eventTime);
      const timestampMs = Math.floor(eventTime / 1000);
      const full = producer.send({ topic, key, value: serde.encode(trade), timestampMs });
      if (full) await full;
    }
    // Its failure is thrown by the next send.
    producer.flush().catch(() => undefined);
    await sleep(1);
  }
  await producer.flush();
}
