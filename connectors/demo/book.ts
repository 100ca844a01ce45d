import { decimalToNumber, multiplyDecimal, ONE } from '#schemas/decimal.ts';
import type { Fill, OrderRequest } from '#schemas/generated/types.ts';
import type { ClosingPrices, Strategy } from './strategies.ts';

/** Every demo portfolio starts with ten million dollars. */
export const INITIAL_CASH = 10_000_000n * ONE;
/**
 * Part of equity that is not invested. Orders are sized at today's close and fill at tomorrow's, with slippage and commission:
 * without a reserve a rising day would leave the portfolio in debt.
 */
const RESERVE = 0.05;

/** One trading day as the strategies see it. */
export interface DecisionDay {
  readonly date: string;
  /** The day's close, microseconds UTC. */
  readonly eventTime: number;
  readonly closes: ReadonlyMap<string, number>;
}

interface Holdings {
  cash: bigint;
  /** Units by instrument, as fills left them. */
  readonly quantities: Map<string, bigint>;
  /** Instruments with an order that has not filled yet. */
  readonly ordered: Set<string>;
}

/** The demo's memory: what was paid for what, and all closes so far. The same fills and days give the same orders. */
export class DemoBook {
  readonly #strategies: readonly Strategy[];
  readonly #holdings = new Map<string, Holdings>();
  readonly #dates: string[] = [];
  readonly #closes = new Map<string, number[]>();
  readonly #prices: ClosingPrices;

  constructor(strategies: readonly Strategy[]) {
    this.#strategies = strategies;
    for (const { portfolio } of strategies)
      this.#holdings.set(portfolio, { cash: INITIAL_CASH, quantities: new Map(), ordered: new Set() });
    this.#prices = { dates: this.#dates, of: (instrument) => this.#closes.get(instrument) ?? [] };
  }

  /** Books a fill. Fills of other portfolios are not the demo's business. */
  apply(fill: Fill): void {
    const holdings = this.#holdings.get(fill.portfolio);
    if (!holdings) return;
    const signed = fill.side === 'BUY' ? fill.quantity : -fill.quantity;
    holdings.cash -= multiplyDecimal(signed, fill.price) + fill.commission;
    holdings.quantities.set(fill.instrument, (holdings.quantities.get(fill.instrument) ?? 0n) + signed);
    holdings.ordered.delete(fill.instrument);
  }

  /** Takes a day's closes, all fills of the day being applied, and returns the orders decided on it, sells first. */
  decide(day: DecisionDay): OrderRequest[] {
    this.#remember(day);
    return this.#strategies.flatMap((strategy) => {
      const targets = strategy.targets(this.#prices);
      return targets ? this.#rebalance(strategy.portfolio, targets, day) : [];
    });
  }

  /** Cash in 1e-9 units of the base currency. */
  cash(portfolio: string): bigint {
    return this.#holdings.get(portfolio)!.cash;
  }

  /** Cash plus holdings at the newest closes. */
  equity(portfolio: string): number {
    const { cash, quantities } = this.#holdings.get(portfolio)!;
    let equity = decimalToNumber(cash);
    for (const [instrument, quantity] of quantities) equity += decimalToNumber(quantity) * this.#lastClose(instrument);
    return equity;
  }

  #remember({ date, closes }: DecisionDay): void {
    for (const instrument of closes.keys()) {
      if (!this.#closes.has(instrument))
        this.#closes.set(instrument, new Array(this.#dates.length).fill(Number.NaN) as number[]);
    }
    this.#dates.push(date);
    for (const [instrument, series] of this.#closes) series.push(closes.get(instrument) ?? Number.NaN);
  }

  #lastClose(instrument: string): number {
    return this.#closes.get(instrument)?.findLast((close) => !Number.isNaN(close)) ?? 0;
  }

  #rebalance(portfolio: string, targets: ReadonlyMap<string, number>, day: DecisionDay): OrderRequest[] {
    const { quantities, ordered } = this.#holdings.get(portfolio)!;
    const investable = this.equity(portfolio) * (1 - RESERVE);
    const orders: OrderRequest[] = [];
    for (const instrument of [...new Set([...quantities.keys(), ...targets.keys()])].sort()) {
      const close = day.closes.get(instrument);
      // A second order before the first has filled would buy the same weight twice.
      if (close === undefined || ordered.has(instrument)) continue;
      const shares = Math.floor(((targets.get(instrument) ?? 0) * investable) / close);
      const change = BigInt(shares) * ONE - (quantities.get(instrument) ?? 0n);
      if (change === 0n) continue;
      ordered.add(instrument);
      orders.push({
        eventTime: day.eventTime,
        orderId: `${portfolio}:${day.date}:${instrument}`,
        portfolio,
        instrument,
        side: change > 0n ? 'BUY' : 'SELL',
        quantity: change > 0n ? change : -change,
        orderType: 'MARKET_ON_CLOSE',
        strategy: `demo:${portfolio}`,
        decisionPrice: close,
      });
    }
    return orders.sort((a, b) => (a.side === b.side ? 0 : a.side === 'SELL' ? -1 : 1));
  }
}
