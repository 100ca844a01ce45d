import { describe, expect, it } from 'vitest';
import type { StateStore } from '#streams/state/store.ts';
import type { TopologyTestDriver } from '#streams/testing/driver.ts';
import { portfolio } from '#topologies/portfolio/graph.ts';
import { positions } from '#topologies/positions/graph.ts';
import { at, cash, Desk, fill, instrument, trade } from './desk.ts';

const PARTITIONS = [0, 1, 2, 3];

/** What a restart does: every stored row goes through its changelog's encoding, in an order of the changelog's own. */
function restore(from: TopologyTestDriver, to: TopologyTestDriver, stores: Readonly<Record<string, unknown>>): number {
  let rows = 0;
  from.commit();
  for (const name of Object.keys(stores)) {
    for (const partition of PARTITIONS) {
      const copy: { key: Buffer; value: Buffer }[] = [];
      const source = from.store(name, partition) as unknown as StateStore;
      const steps = source.committedRows((key, keyStart, keyEnd, value, valueStart, valueEnd) => {
        copy.push({
          key: Buffer.from(key.subarray(keyStart, keyEnd)),
          value: Buffer.from(value!.subarray(valueStart, valueEnd)),
        });
      }, 100);
      rows += [...steps].at(-1) ?? 0;
      const target = to.store(name, partition) as unknown as StateStore;
      for (const { key, value } of copy.reverse()) target.restore(key, 0, key.length, value, 0, value.length);
    }
  }
  return rows;
}

function story(desk: Desk, from: number, until: number): void {
  const start = at('01-03T10:00:00');
  const names = ['AAPL', 'MSFT', 'GE', 'XOM'];
  const owners = ['fund', 'second', 'third'];
  for (let n = from; n < until; n++) {
    const time = start + n * 7_000_000_000;
    const name = names[(n + Math.floor(n / 4)) % 4]!;
    const owner = owners[Math.floor(n / 2) % 3]!;
    if (n % 11 === 0) desk.cash(cash(`c${n % 33}`, '1000.5', time, owner));
    if (n === 5) desk.instrument(instrument('GE', '2.5', time));
    const side = n % 5 < 3 ? 'BUY' : 'SELL';
    const quantity = `${1 + (n % 7)}.25`;
    const price = `${10 + (n % 13)}.${n % 10}`;
    if (n % 2 === 0)
      desk.fill(
        fill({ id: `f${n % 90}`, portfolio: owner, instrument: name, side, quantity, price, time, commission: '0.7' }),
      );
    else if (name !== 'XOM' || n > 50)
      desk.trade(trade(name, 10 + ((n * 37) % 100) / 7, time - (n % 17 === 0 ? 4e11 : 0)));
    desk.readPositions();
  }
}

describe('a restart', () => {
  it('goes on exactly as if nothing had happened', () => {
    const steady = new Desk();
    const before = new Desk();
    for (const desk of [steady, before]) story(desk, 0, 60);
    const after = new Desk();
    expect(restore(before.positions, after.positions, positions().stores!)).toBeGreaterThan(30);
    expect(restore(before.portfolio, after.portfolio, portfolio().stores!)).toBeGreaterThan(20);
    steady.readPnl();
    const outputs = [steady, after].map((desk) => {
      const written: unknown[] = [];
      for (let n = 60; n < 140; n++) {
        story(desk, n, n + 1);
        written.push(desk.portfolio.read('portfolio.pnl'));
      }
      return written;
    });
    expect(outputs[1]).toEqual(outputs[0]);
    expect(outputs[0]!.flat().length).toBeGreaterThan(80);
    for (const event of ['duplicate-fill', 'late-trade']) expect(after.positions.count(event)).toBeGreaterThan(0);
    expect(after.portfolio.count('duplicate-cash')).toBeGreaterThan(0);
  });
});
