/** Whether an order may go: the portfolio as the order would leave it, against its limits. */
import { decimalToNumber, formatDecimal, multiplyDecimal } from '#schemas/decimal.ts';
import type { OrderCheck, OrderDecision, OrderRequest, RiskLimit } from '#schemas/generated/types.ts';
import { Book, type Holding } from './book.ts';
import { equityOf, type Figure, figureOf, type View } from './figures.ts';
import { type Reading, readingOf } from './incident.ts';
import { baseOf, type PortfolioState, type Portfolios, type SwitchState } from './state.ts';
import type { StoredOrder, StoredPrice } from './stored.ts';
import type { Watcher } from './watcher.ts';
import type { WhatIf } from './what-if.ts';

export interface PretradeSettings {
  /** A price that is older than the order by more than this is none, event time. */
  readonly priceMaxAgeMs: number;
  /** An accepted order that is not filled so long after it was asked for is taken for dead, event time. */
  readonly orderHorizonMs: number;
  /** Days of history that VaR and ES after an order are taken from, as in topologies/risk. */
  readonly window: number;
}
/** What a decision says beside the order itself. */
type Verdict = Pick<OrderDecision, 'decision' | 'code' | 'reason' | 'limitId' | 'checks'>;
/** An order in figures. */
interface Sized {
  readonly request: OrderRequest;
  /** Signed: positive buys. */
  readonly units: bigint;
  /** Base currency. */
  readonly notional: number;
  /** Position, with accepted orders of the same side that are not in it yet; and with this order. */
  readonly before: bigint;
  readonly after: bigint;
  /** It makes the position smaller and does not turn it. */
  readonly isReducing: boolean;
}

/** Types whose figure an order does not move at once: as they stand they bar what makes a position larger. */
const STANDING = new Set([
  'stressed-loss',
  'drawdown',
  'daily-loss',
  'volatility',
  'beta',
  'correlation',
  'liquidity',
  'stale-data',
]);

/** Types that are taken of histories. */
const TAIL_TYPES = new Set(['value-at-risk', 'expected-shortfall']);
/** Types that are taken of orders themselves: of those of the limit's strategy or instrument. */
const ORDER_TYPES = new Set(['order-rate', 'order-size', 'turnover']);

const refused = (code: string, reason: string): Verdict => ({
  decision: 'REJECTED',
  code,
  reason,
  limitId: null,
  checks: [],
});

/** Decides on orders, and keeps what was accepted until it is in the position. */
export class Pretrade {
  readonly #portfolios: Portfolios;
  readonly #watcher: Watcher;
  readonly #whatIf: WhatIf;
  readonly #settings: PretradeSettings;

  constructor(portfolios: Portfolios, watcher: Watcher, whatIf: WhatIf, settings: PretradeSettings) {
    this.#portfolios = portfolios;
    this.#watcher = watcher;
    this.#whatIf = whatIf;
    this.#settings = settings;
  }

  /** The decision on an order of which there was none before; its source is left to fill in. */
  decide(request: OrderRequest, sourceTopic: string): OrderDecision {
    const { eventTime, portfolio, orderId, instrument, side, quantity, strategy } = request;
    const state = this.#portfolios.of(portfolio);
    this.#dropDead(state, eventTime);
    const switchState = this.#portfolios.switchOf(portfolio);
    const price = this.#portfolios.price(instrument);
    const sized = this.#size(request, state, price);
    const verdict = this.#verdict(request, state, switchState, price, sized);
    const isAccepted = verdict.decision === 'ACCEPTED';
    const remaining = isAccepted ? sized!.units : 0n;
    const order = {
      instrument,
      strategy,
      eventTime,
      isAccepted,
      remaining,
      settling: 0n,
      settlingTime: 0,
      fillIds: [],
    };
    this.#portfolios.setOrder(portfolio, orderId, order);
    return {
      eventTime,
      portfolio,
      orderId,
      instrument,
      side,
      quantity,
      strategy,
      ...verdict,
      switchState,
      price: price?.price ?? null,
      priceTime: price?.eventTime ?? null,
      notional: sized?.notional ?? null,
      quantityBefore: sized?.before ?? null,
      quantityAfter: sized?.after ?? null,
      sourceTopic,
      sourceEventTime: eventTime,
    };
  }

  #verdict(
    request: OrderRequest,
    state: PortfolioState,
    switchState: SwitchState,
    price: StoredPrice | undefined,
    sized: Sized | null,
  ): Verdict {
    const { portfolio, instrument, eventTime } = request;
    if (switchState === 'HALTED') {
      const said = this.#portfolios.control(portfolio)?.state === 'HALTED' ? portfolio : null;
      const why = this.#portfolios.control(said)?.reason;
      return refused('HALTED', `${said === null ? 'All portfolios are' : `Portfolio ${portfolio} is`} halted: ${why}`);
    }
    const equity = equityOf(state.pnl);
    if (!state.pnl || equity.value === null)
      return refused('PORTFOLIO_UNKNOWN', `Portfolio ${portfolio} cannot be valued: ${equity.reason}`);
    if (!this.#portfolios.instrument(instrument, eventTime))
      return refused('INSTRUMENT_UNKNOWN', `${instrument} is not described in reference.instruments`);
    if (!price) return refused('PRICE_MISSING', `There is no price of ${instrument}`);
    if (!sized) {
      const { currency } = this.#portfolios.instrument(instrument, eventTime)!;
      return refused('RATE_MISSING', `There is no rate from ${currency}, of ${instrument}, to ${baseOf(state)}`);
    }
    const ageMs = (eventTime - price.eventTime) / 1000;
    if (ageMs > this.#settings.priceMaxAgeMs) {
      const age = `${Math.round(ageMs / 1000)} s older than the order`;
      return refused(
        'PRICE_STALE',
        `The newest price of ${instrument} is ${age}; at most ${this.#settings.priceMaxAgeMs / 1000} s are allowed`,
      );
    }
    if (switchState === 'REDUCING' && !sized.isReducing) {
      const what = `from ${formatDecimal(sized.before)} to ${formatDecimal(sized.after)} ${instrument}`;
      return refused('REDUCING_ONLY', `Portfolio ${portfolio} may only reduce positions; this goes ${what}`);
    }
    return verdictOf(this.#checks(state, sized));
  }

  #size(request: OrderRequest, state: PortfolioState, price: StoredPrice | undefined): Sized | null {
    const { instrument, side, quantity, eventTime } = request;
    const described = this.#portfolios.instrument(instrument, eventTime);
    if (!price || !described) return null;
    const rate = this.#portfolios.rate(described.currency, baseOf(state));
    if (rate === null) return null;
    const units = side === 'BUY' ? quantity : -quantity;
    let before = state.positions.get(instrument)?.quantity ?? 0n;
    const held = before;
    for (const order of state.openOrders.values())
      if (order.instrument === instrument && isSameSide(pendingOf(order), units)) before += pendingOf(order);
    const after = before + units;
    const isReducing =
      !isSameSide(held, units) && !isSameSide(before, units) && (after === 0n || isSameSide(after, before));
    const notional = decimalToNumber(multiplyDecimal(quantity, described.multiplier)) * price.price * rate;
    return { request, units, notional, before, after, isReducing };
  }

  /** Every limit before and after the order. */
  #checks(state: PortfolioState, sized: Sized): OrderCheck[] {
    const now = this.#watcher.view(state);
    const before: View = { ...now, book: this.#book(state, sized, sized.before) };
    const after: View = { ...now, book: this.#book(state, sized, sized.after) };
    const { request, notional } = sized;
    const isOf = ({ scope, scopeId }: RiskLimit, instrument: string, strategy: string) =>
      scope === 'PORTFOLIO' || (scope === 'STRATEGY' ? strategy : instrument) === scopeId;
    const checks: OrderCheck[] = [];
    for (const limit of state.limits.values()) {
      const isItsOwn = isOf(limit, request.instrument, request.strategy);
      if (!limit.enabled || (ORDER_TYPES.has(limit.type) && !isItsOwn)) continue;
      const { adjusted } = this.#watcher.status(limit, state.eventTime);
      const pending = () => this.#pending(state, (order) => isOf(limit, order.instrument, order.strategy));
      const beforeView = {
        ...before,
        orders: (one: RiskLimit) => now.orders(one) - 1,
        traded: (one: RiskLimit) => now.traded(one) + pending(),
      };
      // The order itself was counted when it was asked for.
      const afterView = {
        ...after,
        traded: (one: RiskLimit) => now.traded(one) + pending() + notional,
        orderSize: notional,
      };
      const figures = TAIL_TYPES.has(limit.type)
        ? this.#tails(limit, before, after, request.eventTime)
        : ([figureOf(limit, beforeView), figureOf(limit, afterView)] as const);
      const [was, will] = figures.map((taken) => readingOf(limit, adjusted, taken, state.pnl)) as [Reading, Reading];
      checks.push({
        limitId: limit.limitId,
        type: limit.type,
        severity: limit.severity,
        before: was.value,
        after: will.value,
        threshold: will.threshold,
        outcome: outcomeOf(limit, was.value, will.value, will.threshold, sized.isReducing),
      });
    }
    return checks;
  }

  /** VaR or ES before and after. */
  #tails(limit: RiskLimit, before: View, after: View, eventTime: number): readonly [Figure, Figure] {
    const was = this.#whatIf.figure(limit, before.book, eventTime);
    const will = this.#whatIf.figure(limit, after.book, eventTime);
    const scaled = this.#whatIf.scaled(limit, figureOf(limit, before), was, will);
    return scaled === will ? [was, will] : [figureOf(limit, before), scaled];
  }

  /** The portfolio with every accepted order filled, and so many units of the order's own instrument. */
  #book(state: PortfolioState, { request }: Sized, quantity: bigint): Book {
    const pending = new Map<string, bigint>();
    for (const order of state.openOrders.values())
      pending.set(order.instrument, (pending.get(order.instrument) ?? 0n) + pendingOf(order));
    const holdings: Holding[] = [];
    for (const holding of this.#portfolios.book(state).holdings)
      if (holding.instrument !== request.instrument && !pending.has(holding.instrument)) holdings.push(holding);
    for (const [instrument, units] of pending) {
      if (instrument === request.instrument) continue;
      const position = state.positions.get(instrument);
      holdings.push(this.#holding(state, instrument, (position?.quantity ?? 0n) + units));
    }
    holdings.push(this.#holding(state, request.instrument, quantity));
    return new Book(holdings.filter((holding) => holding.quantity !== 0));
  }

  /** So many units at the newest price. */
  #holding(state: PortfolioState, instrument: string, quantity: bigint): Holding {
    const price = this.#portfolios.price(instrument);
    const described = this.#portfolios.instrument(instrument, state.eventTime);
    const exposure =
      price && described ? decimalToNumber(multiplyDecimal(quantity, described.multiplier)) * price.price : null;
    const problem = exposure === null ? `there is no price of ${instrument}` : null;
    const currency = described?.currency ?? baseOf(state);
    return this.#portfolios.holding(state, instrument, decimalToNumber(quantity), { exposure, currency, problem });
  }

  /** Value of accepted orders that are not filled yet. */
  #pending(state: PortfolioState, takes: (order: StoredOrder) => boolean): number {
    let sum = 0;
    for (const order of state.openOrders.values()) {
      if (!takes(order) || order.remaining === 0n) continue;
      sum += Math.abs(this.#holding(state, order.instrument, order.remaining).exposure ?? 0);
    }
    return sum;
  }

  #dropDead(state: PortfolioState, eventTime: number): void {
    const oldest = eventTime - this.#settings.orderHorizonMs * 1000;
    for (const [orderId, order] of state.openOrders)
      if (order.eventTime < oldest)
        this.#portfolios.setOrder(state.portfolio, orderId, { ...order, remaining: 0n, settling: 0n });
  }
}

/** Units of an accepted order that are not in the position yet. */
const pendingOf = ({ remaining, settling }: StoredOrder): bigint => remaining + settling;
const isSameSide = (a: bigint, b: bigint): boolean => (a > 0n && b > 0n) || (a < 0n && b < 0n);

function outcomeOf(
  { type }: RiskLimit,
  before: number | null,
  after: number | null,
  threshold: number | null,
  isReducing: boolean,
): string {
  if (after === null || threshold === null) return isReducing ? 'EASED' : 'UNKNOWN';
  if (after <= threshold) return 'PASSED';
  const isEasing = STANDING.has(type) ? isReducing : before !== null && after <= before;
  // More orders never ease a limit on orders.
  return isEasing && !ORDER_TYPES.has(type) ? 'EASED' : 'EXCEEDED';
}

function verdictOf(checks: readonly OrderCheck[]): Verdict {
  const worst = (severity: string, outcome: string) =>
    checks
      .filter((check) => check.severity === severity && check.outcome === outcome)
      .sort((a, b) => (b.after ?? 0) / (b.threshold ?? 1) - (a.after ?? 0) / (a.threshold ?? 1))[0];
  const broken = worst('HARD', 'EXCEEDED');
  if (broken) return verdict('REJECTED', 'LIMIT_EXCEEDED', broken, checks);
  const unknown = worst('HARD', 'UNKNOWN');
  if (unknown) return verdict('REJECTED', 'LIMIT_UNKNOWN', unknown, checks);
  const soft = worst('SOFT', 'EXCEEDED');
  if (soft) return verdict('ACCEPTED', 'ACCEPTED_WITH_WARNING', soft, checks);
  const reason = checks.length === 0 ? 'There is no limit that it touches' : 'It is within every hard limit';
  return { decision: 'ACCEPTED', code: 'ACCEPTED', reason, limitId: null, checks };
}

function verdict(
  decision: OrderDecision['decision'],
  code: string,
  { limitId, type, before, after, threshold }: OrderCheck,
  checks: readonly OrderCheck[],
): Verdict {
  const say = (value: number | null) => (value === null ? 'not known' : Number(value.toPrecision(7)).toString());
  const figures = `would be ${say(after)} against a limit of ${say(threshold)}, and is ${say(before)} now`;
  return { decision, code, reason: `${type} (${limitId}) ${figures}`, limitId, checks };
}
