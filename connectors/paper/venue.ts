import { decimalFromNumber, divideHalfEven, ONE } from '#schemas/decimal.ts';
import type { Fill, OrderDecision } from '#schemas/generated/types.ts';
import { Random } from '#streams/kit/random.ts';

/** What a US retail broker with per-share pricing asks: 0.005 USD a share, at least 1.00 USD, at most 1 % of the trade's value. */
const COMMISSION_PER_SHARE = ONE / 200n;
const COMMISSION_MIN = ONE;
const COMMISSION_MAX_DIVISOR = 100n;
/** Slippage is drawn in hundredths of a basis point: from 0 to 10 basis points, always against the order. */
const MAX_SLIPPAGE = 1000;
const SLIPPAGE_UNIT = 1_000_000n;

/** What the venue has to know of an order. */
export type VenueOrder = Pick<
  OrderDecision,
  'eventTime' | 'portfolio' | 'orderId' | 'instrument' | 'side' | 'quantity'
>;

/**
 * A simulated venue as a value: market-on-close orders in, fills out. An order fills whole at the first close after its own event
 * time at which its instrument trades. The same orders, closes and seed give the same fills, whatever the order of arrival
 * of different portfolios, because each order's slippage is drawn from its own id.
 */
export class PaperVenue {
  readonly #seed: number;
  readonly #open = new Map<string, VenueOrder>();
  readonly #filled = new Set<string>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Orders that wait for a close. */
  get openOrders(): number {
    return this.#open.size;
  }

  /** Remembers a fill that is already in orders.fills, so that it is never given again. Call before {@link accept}. */
  restore(fill: Fill): void {
    this.#filled.add(idOf(fill.portfolio, fill.fillId));
  }

  /** Takes an order. Returns null, or why it will never fill. An order seen before, open or filled, changes nothing. */
  accept(order: VenueOrder): string | null {
    if (order.quantity <= 0n) return 'its quantity is not greater than zero';
    if (order.portfolio === '' || order.instrument === '') return 'it names no portfolio or no instrument';
    const id = idOf(order.portfolio, fillIdOf(order.orderId));
    if (!this.#filled.has(id) && !this.#open.has(id)) this.#open.set(id, order);
    return null;
  }

  /**
   * Fills what can be filled at a close, in the order of acceptance. `closes` holds the prices of the instruments that traded;
   * orders on others, and orders not older than the close, wait.
   */
  fillAt(closeMicros: number, closes: ReadonlyMap<string, number>): Fill[] {
    const fills: Fill[] = [];
    for (const [id, order] of this.#open) {
      const close = closes.get(order.instrument);
      if (close === undefined || order.eventTime >= closeMicros) continue;
      fills.push(fillOf(order, close, closeMicros, this.#seed));
      this.#open.delete(id);
      this.#filled.add(id);
    }
    return fills;
  }
}

const fillIdOf = (orderId: string) => `${orderId}:1`;
/** fillIds are unique within their portfolio; neither id can hold a line break in practice, so the pair is unambiguous. */
const idOf = (portfolio: string, fillId: string) => `${portfolio}\n${fillId}`;

/** The whole order at `close`, worsened by its slippage. `close` must round to a positive decimal. */
export function fillOf(order: VenueOrder, close: number, closeMicros: number, seed: number): Fill {
  const slippage = BigInt(new Random(`${seed}:${order.orderId}`).below(MAX_SLIPPAGE + 1));
  const factor = order.side === 'BUY' ? SLIPPAGE_UNIT + slippage : SLIPPAGE_UNIT - slippage;
  const price = divideHalfEven(decimalFromNumber(close) * factor, SLIPPAGE_UNIT);
  return {
    eventTime: closeMicros,
    fillId: fillIdOf(order.orderId),
    action: 'NEW',
    portfolio: order.portfolio,
    instrument: order.instrument,
    side: order.side,
    quantity: order.quantity,
    price,
    commission: commissionOf(order.quantity, price),
    orderId: order.orderId,
    venue: 'paper',
  };
}

/** Commission of a trade in USD, half-even at the 9th decimal. The ceiling of 1 % wins over the minimum, as it does in real tariffs. */
export function commissionOf(quantity: bigint, price: bigint): bigint {
  const ceiling = divideHalfEven(quantity * price, ONE * COMMISSION_MAX_DIVISOR);
  let charged = divideHalfEven(quantity * COMMISSION_PER_SHARE, ONE);
  if (charged < COMMISSION_MIN) charged = COMMISSION_MIN;
  if (charged > ceiling) charged = ceiling;
  return charged;
}
