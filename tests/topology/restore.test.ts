import { describe, expect, it } from 'vitest';
import type { AuditEntry, PortfolioPnl } from '#schemas/generated/types.ts';
import type { StateStore } from '#streams/state/store.ts';
import type { DriverOutput, TopologyTestDriver } from '#streams/testing/driver.ts';
import { portfolio } from '#topologies/portfolio/graph.ts';
import { positions } from '#topologies/positions/graph.ts';
import { at, cash, Desk, described, fill, instrument, rate, trade } from './desk.ts';

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

const START = at('01-03T10:00:00');
const NAMES = ['AAPL', 'MSFT', 'GE', 'XOM'];
const OWNERS = ['fund', 'second', 'third'];
const nameOf = (n: number) => NAMES[(n + Math.floor(n / 4)) % 4]!;
const ownerOf = (n: number) => OWNERS[Math.floor(n / 2) % 3]!;
const timeOf = (n: number) => START + n * 7_000_000_000;

const order = (n: number) =>
  fill({
    id: `f${n % 90}`,
    portfolio: ownerOf(n),
    instrument: nameOf(n),
    side: n % 5 < 3 ? 'BUY' : 'SELL',
    quantity: `${1 + (n % 7)}.25`,
    price: `${10 + (n % 13)}.${n % 10}`,
    time: timeOf(n),
    commission: '0.7',
  });

function story(desk: Desk, from: number, until: number): void {
  for (let n = from; n < until; n++) {
    const time = timeOf(n);
    const name = nameOf(n);
    const owner = ownerOf(n);
    if (n % 11 === 0) desk.cash(cash(`c${n % 33}`, '1000.5', time, owner));
    if (n === 5) desk.instrument(instrument('GE', '2.5', time));
    // One of the owners is a euro portfolio with dollars and pounds in it.
    if (n === 1) desk.describe(described('third', 'EUR', time));
    if (n === 2) desk.instrument(instrument('XOM', '1', time, 'GBP'));
    if (n % 8 === 3) desk.rate(rate('EURUSD', 1 + (n % 31) / 100, time));
    if (n % 8 === 7 && n > 20) desk.rate(rate('GBPUSD', 1.2 + (n % 23) / 100, time - (n % 16 === 7 ? 1e9 : 0)));
    if (n % 25 === 0) desk.cash(cash(`f${n}`, '50.25', time - (n % 2) * 1e9, 'third', 'GBP'));
    if (n % 2 === 0) desk.fill(order(n));
    else if (name !== 'XOM' || n > 50)
      desk.trade(trade(name, 10 + ((n * 37) % 100) / 7, time - (n % 17 === 0 ? 4e11 : 0)));
    // Of a fill some steps ago, which after the restart only the stores know; some come twice.
    if (n % 9 === 4 && n > 30) {
      const of = order((n - 10 - (n % 4) * 2) & ~1);
      const action = n % 2 === 0 ? 'CANCEL' : 'CORRECT';
      for (let times = n % 3; times >= 0; times--)
        desk.fill({ ...of, action, eventTime: time, quantity: of.quantity * 3n, price: of.price + 1n });
    }
    desk.readPositions();
  }
}

/** Without offsets: the driver counts its own from its beginning. */
const audit = (desk: Desk) =>
  desk.positions.read<AuditEntry>('audit.trail').map(({ value: { sourceOffset: _, ...entry } }) => entry);

describe('a restart', () => {
  it('goes on exactly as if nothing had happened', () => {
    const steady = new Desk();
    const before = new Desk();
    for (const desk of [steady, before]) story(desk, 0, 60);
    const after = new Desk();
    expect(restore(before.positions, after.positions, positions().stores!)).toBeGreaterThan(30);
    expect(restore(before.portfolio, after.portfolio, portfolio().stores!)).toBeGreaterThan(20);
    steady.readPnl();
    steady.positions.read('audit.trail');
    const outputs = [steady, after].map((desk) => {
      const written: unknown[] = [];
      for (let n = 60; n < 140; n++) {
        story(desk, n, n + 1);
        written.push(desk.portfolio.read('portfolio.pnl'), audit(desk));
      }
      return written;
    });
    expect(outputs[1]).toEqual(outputs[0]);
    expect(outputs[0]!.flat().length).toBeGreaterThan(80);
    for (const event of ['duplicate-fill', 'duplicate-amendment', 'late-trade'])
      expect(after.positions.count(event)).toBeGreaterThan(0);
    expect(after.portfolio.count('duplicate-cash')).toBeGreaterThan(0);
    const newest = (outputs[1]!.flat() as DriverOutput<PortfolioPnl>[]).findLast(({ key }) => key === 'third')!;
    expect(newest.value).toMatchObject({ baseCurrency: 'EUR', missingRates: [], equity: expect.any(Number) });
    expect(newest.value.currencies.map(({ currency }) => currency)).toEqual(['EUR', 'GBP', 'USD']);
  });
});
