import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { System } from '#ops/embedded/launcher.ts';
import { repositoryRoot } from '#ops/embedded/paths.ts';
import { Random } from '#streams/kit/random.ts';
import { checkLedger, expectedCounts, untilCaughtUp } from '#tests/chaos/ledger-check.ts';
import { startTestSystem, until } from './harness.ts';

const SEED = 20_261_123;
const OWN_PORTFOLIOS = ['alpha', 'beta', 'gamma'];
const OWN_INSTRUMENTS = ['AAPL', 'OWN1', 'OWN2', 'OWN3'];

describe('the ledger of the whole history', () => {
  let system: System;
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-own-'));
  beforeAll(async () => {
    system = await startTestSystem({ TIDEMARK_DEMO: 'true', TIDEMARK_REPLAY_SPEED: '0' });
  });
  afterAll(async () => {
    await system?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Returns the number of fills. */
  async function expectExact(drawdown: boolean): Promise<number> {
    await untilCaughtUp(system, 120_000);
    const check = await checkLedger(system, { drawdown });
    expect(check.exact, check.report).toBe(true);
    const { rows, records } = expectedCounts(check);
    expect(rows).toEqual(records);
    process.stdout.write(`${check.report.trim()}\n${JSON.stringify(check.counts.kafka)}\n`);
    return Number(check.counts.kafka['orders.fills']);
  }

  it('equals a batch calculation after a full replay, drawdown included', async () => {
    await until('33 years to be replayed', () => system.supervisor.finished('replay'), 1_200_000);
    const filled = await expectExact(true);
    // A desk whose every order is refused is exact too.
    expect(filled).toBeGreaterThan(1_000);
  }, 1_500_000);

  it('equals it still after fills, cash and trades of our own in new portfolios, late ones among them', async () => {
    writeOwnFiles(folder);
    for (const [kind, file] of [
      ['cash', 'cash.csv'],
      ['trades', 'trades.csv'],
      ['fills', 'fills.csv'],
    ] as const) {
      await promisify(execFile)(
        process.execPath,
        [join(repositoryRoot, 'ops/cli/main.ts'), 'ingest', kind, join(folder, file), '--json'],
        {
          env: { ...process.env, TIDEMARK_HOME: system.home },
        },
      );
    }
    await expectExact(false);
  }, 300_000);
});

/** Fills whose event time lies before the newest trade, shorts, round trips through zero, amounts of nine decimals. */
function writeOwnFiles(folder: string): void {
  const random = new Random(SEED);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random.uniform() * values.length)]!;
  const day = () =>
    new Date(
      Date.UTC(2023, 0, 2) +
        Math.floor(random.uniform() * 700) * 86_400_000 +
        Math.floor(random.uniform() * 86_400_000),
    ).toISOString();
  const trades = ['time,instrument,price,size'];
  const fills = ['time,portfolio,instrument,side,quantity,price,commission'];
  const cash = ['time,portfolio,amount'];
  for (let index = 0; index < 2_000; index++)
    trades.push(
      `${day()},${pick(OWN_INSTRUMENTS)},${(10 + random.uniform() * 90).toFixed(4)},${1 + Math.floor(random.uniform() * 500)}`,
    );
  for (let index = 0; index < 3_000; index++) {
    const [quantity, price, commission] = [
      random.uniform() * 100 + 0.000000001,
      random.uniform() * 90 + 10,
      random.uniform(),
    ].map((value) => value.toFixed(9));
    fills.push(
      `${day()},${pick(OWN_PORTFOLIOS)},${pick(OWN_INSTRUMENTS)},${pick(['BUY', 'SELL'])},${quantity},${price},${commission}`,
    );
  }
  for (const portfolio of OWN_PORTFOLIOS)
    for (const amount of ['1000000', '-12345.678901234', '0.000000001']) cash.push(`${day()},${portfolio},${amount}`);
  for (const [name, lines] of Object.entries({ trades, fills, cash }))
    writeFileSync(join(folder, `${name}.csv`), `${lines.join('\n')}\n`);
}
