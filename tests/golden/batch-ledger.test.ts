import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { formatDecimal } from '#schemas/decimal.ts';
import type { CashMovement, Fill, Instrument, PortfolioPnl, Position, Trade } from '#schemas/generated/types.ts';
import type { DriverOutput } from '#streams/testing/driver.ts';
import { at, cash, Desk, fill, instrument, trade } from '../topology/desk.ts';

const INSTRUMENTS = ['AAPL', 'MSFT', 'GE', 'ES', 'XOM'];
const PORTFOLIOS = ['fund', 'second', 'third'];
const HOUR = 3_600_000_000;

/** Lehmer's generator: the same stories on every run. */
const random = (seed: number) => {
  let state = seed;
  const next = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  return { next, pick: <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)]! };
};

type Row = { topic: string; key: string | null; value: object };
type Figures = Record<string, string | number | null>;
const jsonl = (rows: readonly Row[]) =>
  rows
    .map((row, offset) =>
      JSON.stringify({ ...row, partition: 0, offset, timestamp: 0 }, (_key, item) =>
        typeof item === 'bigint' ? formatDecimal(item) : item,
      ),
    )
    .join('\n');

/** A desk whose inputs and outputs are recorded as an export would print them. */
class Recorded {
  readonly desk = new Desk();
  readonly rows: Row[] = [];
  #held: DriverOutput<Position>[] = [];

  trade(value: Trade): void {
    this.#row('market.trades', value.instrument, value);
    this.desk.trade(value);
  }
  fill(value: Fill): void {
    this.#row('orders.fills', value.portfolio, value);
    this.desk.fill(value);
  }
  instrument(value: Instrument): void {
    this.#row('reference.instruments', value.instrument, value);
    this.desk.instrument(value);
  }
  cash(value: CashMovement): void {
    this.#row('portfolio.cash', value.portfolio, value);
    this.desk.cash(value);
  }
  /** Lets what positions wrote go on to portfolio; `hold` keeps it back until the next time. */
  drain(hold = false): void {
    for (const output of this.desk.positions.read<Position>('portfolio.positions')) {
      this.#row('portfolio.positions', output.key, output.value);
      this.#held.push(output);
    }
    if (hold) return;
    // As tasks of other partitions would: one instrument after the other, each in its own order.
    this.#held.sort((a, b) =>
      a.value.instrument < b.value.instrument ? -1 : Number(a.value.instrument > b.value.instrument),
    );
    for (const output of this.#held) this.desk.portfolio.pipe('portfolio.positions', output);
    this.#held = [];
    for (const { key, value } of this.desk.portfolio.read<PortfolioPnl>('portfolio.pnl'))
      this.#row('portfolio.pnl', key, value);
  }
  write(folder: string, change: (row: Row) => Row | null = (row) => row): void {
    for (const topic of [
      'market.trades',
      'orders.fills',
      'reference.instruments',
      'portfolio.cash',
      'portfolio.positions',
      'portfolio.pnl',
    ]) {
      const rows = this.rows.filter((row) => row.topic === topic);
      writeFileSync(join(folder, `${topic}.jsonl`), jsonl(rows.map(change).filter((row) => row !== null)));
    }
  }
  #row(topic: string, key: string, value: object): void {
    this.rows.push({ topic, key, value });
  }
}

interface Story {
  /** Event times never go back. */
  readonly inOrder: boolean;
  /** Inputs that positions handles before portfolio sees any of it; default 1. */
  readonly skew?: number;
}
function history(seed: number, { inOrder, skew = 1 }: Story): Recorded {
  const { next, pick } = random(seed);
  const recorded = new Recorded();
  recorded.instrument(instrument('ES', '50', at('01-01T00:00:00')));
  recorded.instrument(instrument('ES', '12.5', at('01-04T00:00:00')));
  const known: Fill[] = [];
  let time = at('01-03T10:00:00');
  for (let n = 0; n < 600; n++) {
    if (next() < 0.6) time += Math.floor(next() * 9 * HOUR);
    const eventTime = inOrder ? time : time - Math.floor(next() * next() * 200 * HOUR);
    const name = pick(INSTRUMENTS);
    const portfolio = pick(PORTFOLIOS);
    const kind = next();
    // "XOM" never trades, so its positions stay unpriced.
    if (kind < 0.5 && name !== 'XOM')
      recorded.trade(trade(name, Number((5 + next() * 300).toFixed(next() < 0.5 ? 2 : 7)), eventTime));
    else if (kind < 0.55)
      recorded.cash(cash(`c${Math.floor(next() * 40)}`, pick(['1000.01', '-500', '1e6']), eventTime, portfolio));
    else {
      const quantity = next() < 0.5 ? String(1 + Math.floor(next() * 300)) : (next() * 50 + 0.001).toFixed(9);
      const price = (5 + next() * 300).toFixed(next() < 0.5 ? 2 : 9);
      const commission = (next() * 5 - 1).toFixed(4);
      const side = pick(['BUY', 'SELL'] as const);
      const id = `f${Math.floor(next() * 2000)}`;
      const deal = fill({ id, portfolio, instrument: name, side, quantity, price, commission, time: eventTime });
      if (known.length > 0 && next() < 0.2) amend(recorded, { next, pick }, pick(known), deal);
      else {
        recorded.fill(deal);
        known.push(deal);
      }
    }
    if (next() < 0.2) bad(recorded, eventTime);
    recorded.drain(n % skew !== 0);
  }
  recorded.drain();
  return recorded;
}

/** A correction or cancellation of a fill with the figures of another; some come twice, some name the wrong instrument. */
function amend(recorded: Recorded, { next, pick }: ReturnType<typeof random>, of: Fill, figures: Fill): void {
  const { fillId, portfolio, instrument: name } = of;
  const action = pick(['CORRECT', 'CORRECT', 'CANCEL'] as const);
  const amendment = { ...figures, fillId, portfolio, instrument: next() < 0.1 ? 'GE' : name, action };
  recorded.fill(amendment);
  if (next() < 0.3) recorded.fill({ ...amendment, price: amendment.price + 1n });
  if (next() < 0.3) recorded.fill(amendment);
}

/** Records that both sides must leave out. */
function bad(recorded: Recorded, time: number): void {
  recorded.trade(trade('AAPL', -1, time));
  recorded.trade(trade('A/B', 10, time));
  const order = { id: 'bad', instrument: 'AAPL', side: 'BUY', price: '1', time } as const;
  recorded.fill(fill({ ...order, quantity: '0' }));
  recorded.fill({ ...fill({ ...order, quantity: '1' }), action: 'CANCEL' });
  recorded.cash(cash('bad', '0', time));
}

// Each test starts Python, which can take its time on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const folder = mkdtempSync(join(tmpdir(), 'tidemark-golden-'));
afterAll(() => rmSync(folder, { recursive: true }));
const batch = (...flags: string[]) =>
  spawnSync('python3', [join(import.meta.dirname, 'batch_ledger.py'), folder, ...flags], { encoding: 'utf8' });
const compare = (...flags: string[]) => batch('--compare', folder, ...flags);

describe('the batch calculation', () => {
  it.each([1, 2, 3])('agrees with the topologies on history %i, peaks and drawdowns too', (seed) => {
    history(seed, { inOrder: true }).write(folder);
    const { status, stdout, stderr } = compare('--drawdown');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const { compared, skipped, ...counts } = JSON.parse(stdout);
    expect(compared['portfolio.positions keys']).toBe(15);
    expect(compared['portfolio.pnl keys']).toBe(3);
    expect(compared.figures).toBeGreaterThan(150);
    expect(skipped['orders.fills (duplicate)']).toBeGreaterThan(0);
    expect(counts.amendments).toBeGreaterThan(10);
    expect(counts['amendments repeated']).toBeGreaterThan(0);
    expect(counts['fills refused']).toBeGreaterThan(0);
  });

  it.each([8, 9])('agrees on history %i, where some instruments run far ahead of others', (seed) => {
    history(seed, { inOrder: true, skew: 30 }).write(folder);
    const { status, stderr } = compare('--drawdown');
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it.each([4, 5, 6])('agrees on history %i, where fills, trades and cash come late', (seed) => {
    history(seed, { inOrder: false }).write(folder);
    const { status, stderr } = compare();
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it('prints its own figures', () => {
    const recorded = new Recorded();
    recorded.cash(cash('1', '1000', at('01-03T10:00:00')));
    recorded.fill(
      fill({ id: '1', instrument: 'GE', side: 'BUY', quantity: '3', price: '0.1', time: at('01-03T10:00:00') }),
    );
    recorded.write(folder);
    const { status, stdout } = batch();
    expect(status).toBe(0);
    const figures = JSON.parse(stdout);
    expect(figures['portfolio.positions']['fund/GE']).toMatchObject({
      quantity: '3',
      cost: '0.3',
      averagePrice: '0.1',
    });
    expect(figures['portfolio.pnl'].fund).toMatchObject({ cash: '999.7', equity: '1000', unpricedPositions: 1 });
  });
});

describe('its comparison can fail', () => {
  const recorded = history(10, { inOrder: true });
  /** Changes the figures of the last record of a key. */
  const tamper = (topic: string, key: string, change: (value: Figures) => object | null) => {
    const target = recorded.rows.findLast((row) => row.topic === topic && row.key === key)!;
    recorded.write(folder, (row) => {
      if (row !== target) return row;
      const value = change(row.value as Figures);
      return value && { ...row, value: { ...row.value, ...value } };
    });
    return compare('--drawdown');
  };
  const nudged = (value: Figures, name: string) => ({ [name]: (value[name] as number) * (1 + 1e-8) });
  let priced = '';
  beforeAll(() => {
    recorded.write(folder);
    expect(compare('--drawdown').status).toBe(0);
    priced = recorded.rows.findLast((row) => row.topic === 'portfolio.positions' && row.key!.endsWith('AAPL'))!.key!;
  });

  it.each(['cash', 'realizedPnl', 'commission'])('on one unit of the last digit of %s', (name) => {
    const { status, stderr } = tamper('portfolio.pnl', 'fund', (value) => ({
      [name]: (value[name] as unknown as bigint) + 1n,
    }));
    expect(stderr).toContain(`portfolio.pnl fund ${name}: stream`);
    expect(status).toBe(1);
  });

  it.each(['equity', 'unrealizedPnl', 'grossExposure', 'netExposure', 'peakEquity', 'drawdown'])(
    'on a 1e-8th of %s',
    (name) => {
      const { status, stderr } = tamper('portfolio.pnl', 'second', (value) => nudged(value, name));
      expect(stderr).toContain(`portfolio.pnl second ${name}: stream`);
      expect(status).toBe(1);
    },
  );

  it.each(['quantity', 'cost', 'multiplier', 'cashFlow'])(
    'on one unit of the last digit of a position’s %s',
    (name) => {
      const { status, stderr } = tamper('portfolio.positions', priced, (value) => ({
        [name]: (value[name] as unknown as bigint) - 1n,
      }));
      expect(stderr).toContain(`${priced} ${name}: stream`);
      expect(status).toBe(1);
    },
  );

  it.each(['averagePrice', 'markPrice', 'unrealizedPnl'])('on a 1e-8th of a position’s %s', (name) => {
    const { status, stderr } = tamper('portfolio.positions', priced, (value) => nudged(value, name));
    expect(stderr).toContain(`${priced} ${name}: stream`);
    expect(status).toBe(1);
  });

  it('on a key that is missing', () => {
    recorded.write(folder, (row) => (row.topic === 'portfolio.pnl' && row.key === 'third' ? null : row));
    const { status, stderr } = compare();
    expect(stderr).toBe('portfolio.pnl third: only in the batch calculation\n');
    expect(status).toBe(1);
  });

  it('when there was nothing to compare', () => {
    new Recorded().write(folder);
    const { status, stderr } = compare();
    expect(stderr).toBe('nothing was compared\n');
    expect(status).toBe(1);
  });
});
