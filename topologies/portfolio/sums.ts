import type { Sums, Valuation } from './account.ts';
import { Sum } from './sum.ts';

/** Error of one addition in twice the precision, relative to its terms; two bits to spare. */
const SUM_ERROR = 2 ** -103;
/** Noise that is still too small to show in a double, with ten bits to spare. */
const SUM_RESOLUTION = 2 ** -63;

/** Exchanges a valuation for another in the sums of a portfolio's positions in one currency. */
export class SumExchange {
  readonly #valuations: (portfolio: string, currency: string) => Iterable<Valuation>;
  readonly #unrealized = new Sum();
  readonly #gross = new Sum();
  readonly #net = new Sum();

  /** `valuations`: all that are in the sums, the new one included. Asked when too much noise has gathered. */
  constructor(valuations: (portfolio: string, currency: string) => Iterable<Valuation>) {
    this.#valuations = valuations;
  }

  exchange(
    before: Sums,
    was: Valuation | null | undefined,
    now: Valuation | null | undefined,
    portfolio: string,
    currency: string,
  ): Sums {
    const unrealized = this.#unrealized;
    const gross = this.#gross;
    const net = this.#net;
    unrealized.load(before.unrealizedHigh, before.unrealizedLow);
    gross.load(before.grossHigh, before.grossLow);
    net.load(before.netHigh, before.netLow);
    let terms = gross.high + Math.abs(unrealized.high);
    if (was) {
      unrealized.add(-was.unrealizedPnl);
      gross.add(-Math.abs(was.exposure));
      net.add(-was.exposure);
      terms += Math.abs(was.unrealizedPnl) + Math.abs(was.exposure);
    }
    if (now) {
      unrealized.add(now.unrealizedPnl);
      gross.add(Math.abs(now.exposure));
      net.add(now.exposure);
      terms += Math.abs(now.unrealizedPnl) + Math.abs(now.exposure);
    }
    const noise = before.noise + terms * SUM_ERROR;
    if (noise > (gross.high + Math.abs(unrealized.high)) * SUM_RESOLUTION) return this.afresh(portfolio, currency);
    return this.#sums(noise);
  }

  /** Of all valuations. */
  afresh(portfolio: string, currency: string): Sums {
    this.#unrealized.load(0, 0);
    this.#gross.load(0, 0);
    this.#net.load(0, 0);
    for (const { unrealizedPnl, exposure } of this.#valuations(portfolio, currency)) {
      this.#unrealized.add(unrealizedPnl);
      this.#gross.add(Math.abs(exposure));
      this.#net.add(exposure);
    }
    return this.#sums(0);
  }

  #sums(noise: number): Sums {
    return {
      unrealizedHigh: this.#unrealized.high,
      unrealizedLow: this.#unrealized.low,
      grossHigh: this.#gross.high,
      grossLow: this.#gross.low,
      netHigh: this.#net.high,
      netLow: this.#net.low,
      noise,
    };
  }
}
