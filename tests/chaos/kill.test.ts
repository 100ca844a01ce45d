import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import type { System } from '#ops/embedded/launcher.ts';
import { openKafka } from '#streams/kafka/index.ts';
import { lastWords, startTestSystem, until } from '#tests/integration/harness.ts';
import { checkLedger, expectedCounts, nativePid, untilCaughtUp } from './ledger-check.ts';

/** Eighteen months: the momentum portfolio has begun to trade, so that all three have fills. */
const RANGE = { TIDEMARK_REPLAY_FROM: '1990-01-02', TIDEMARK_REPLAY_TO: '1991-06-28' };

/** Kills in this order, spread over the replay. Services are killed themselves, not the process that looks after them. */
const VICTIMS: readonly { name: string; pid: (system: System) => number | undefined }[] = [
  ...['positions', 'sink-postgres', 'replay', 'portfolio', 'paper-venue', 'sink-clickhouse', 'demo'].map((name) => ({
    name,
    pid: (system: System) => system.supervisor.pid(name),
  })),
  { name: 'kafka', pid: (system) => nativePid(system, 'kafka/broker.pid') },
  { name: 'postgres', pid: (system) => nativePid(system, 'postgres/server.pid') },
  { name: 'clickhouse', pid: (system) => system.supervisor.pid('clickhouse') },
  { name: 'positions', pid: (system) => system.supervisor.pid('positions') },
];

describe('kill -9 in the middle of a replay', () => {
  let system: System;
  beforeAll(async () => {
    system = await startTestSystem({ TIDEMARK_DEMO: 'true', TIDEMARK_REPLAY_SPEED: '0', ...RANGE }, ['api']);
  });
  afterAll(() => system?.stop());

  it('loses nothing and counts nothing twice, whoever is killed', async () => {
    onTestFailed(() => void process.stdout.write(lastWords(system.home)));
    const killed: string[] = [];
    for (const [index, victim] of VICTIMS.entries()) {
      const goal = Math.floor(((index + 0.5) * 760) / VICTIMS.length);
      await until(
        `${goal} session records before killing ${victim.name}`,
        async () => (await sessions(system)) >= goal,
        120_000,
      );
      const pid = victim.pid(system);
      if (pid) {
        process.kill(pid, 'SIGKILL');
        killed.push(victim.name);
      }
      await until(`${victim.name} to be running again`, () => restarted(system, victim.name, pid), 60_000);
    }
    await until('the replay to come to its end', () => system.supervisor.finished('replay'), 240_000);
    await untilCaughtUp(system, 120_000);
    expect(killed).toEqual(VICTIMS.map(({ name }) => name));
    const check = await checkLedger(system, { drawdown: true });
    expect(check.exact, check.report).toBe(true);
    const { rows, records } = expectedCounts(check);
    expect(rows).toEqual(records);
    expect(records['clickhouse market.trades']).toBeGreaterThan(7_000);
    expect(records['postgres orders.fills']).toBeGreaterThan(300);
  }, 600_000);
});

/** Records of market.sessions so far; 0 while the broker is away. */
async function sessions(system: System): Promise<number> {
  try {
    const kafka = await openKafka({ brokers: system.kafkaBrokers, clientId: 'chaos' });
    try {
      return (await kafka.offsets('market.sessions', 'latest'))[0]!;
    } finally {
      await kafka.close();
    }
  } catch {
    return 0;
  }
}

function restarted(system: System, name: string, before: number | undefined): boolean {
  if (system.supervisor.restarts(name) === 0) return false;
  const now = system.supervisor.pid(name);
  return now !== undefined && now !== before;
}
