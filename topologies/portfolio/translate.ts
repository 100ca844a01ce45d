/** The figures of a portfolio with amounts in several currencies, in its base currency (pot.ts has the rules). */
import { checkDecimal, decimalToNumber } from '#schemas/decimal.ts';
import { convertDecimal, type FxRate } from '#schemas/fx.ts';
import type { CurrencyPnl, PortfolioPnl } from '#schemas/generated/types.ts';
import { type Account, pnlOf, RESOLUTION } from './account.ts';
import { peakOf } from './path.ts';
import { depositsInBase, earnedIn, isNothing, type Pot, worthOf } from './pot.ts';
import type { Rates } from './rates.ts';

/** A portfolio's account and its pots, by currency. */
export interface Books {
  readonly account: Account;
  readonly pots: readonly Pot[];
}

/** Profit as far as rates are known. Throws DecimalError when a deposit leaves decimal(38, 9). */
export function profitOf({ account, pots }: Books, rates: Rates): number {
  let profit = decimalToNumber(account.realizedPnl) + account.unrealizedHigh;
  for (const pot of pots) {
    const found = rates.now(pot.currency, account.baseCurrency);
    const spent = depositsInBase(pot, account.baseCurrency, rates);
    // Apart, so that without a change of rates what was deposited leaves no rounding.
    if (found && spent !== null)
      profit += found.rate * earnedIn(pot) + decimalToNumber(convertDecimal(pot.deposits, found.rate) - spent);
  }
  return profit;
}

/** The published figures. Throws DecimalError when one leaves decimal(38, 9). */
export function translatedPnl(
  portfolio: string,
  { account, pots }: Books,
  rates: Rates,
  sourceTopic: string,
  sourceEventTime: number,
): PortfolioPnl {
  const home = pnlOf(portfolio, account, sourceTopic, sourceEventTime);
  const rated = pots.map((pot): [Pot, FxRate | null] => [pot, rates.now(pot.currency, account.baseCurrency)]);
  const missing = rated.filter(([pot, rate]) => rate === null && !isNothing(pot)).map(([pot]) => pot.currency);
  const exact = (own: bigint, of: (pot: Pot) => bigint): bigint | null => {
    let sum = own;
    for (const [pot, found] of rated) {
      if (found) sum += convertDecimal(of(pot), found.rate);
      else if (of(pot) !== 0n) return null;
    }
    return checkDecimal(sum);
  };
  const double = (own: number, of: (pot: Pot) => number): number | null => {
    let sum = own;
    for (const [pot, found] of rated) {
      if (found) sum += of(pot) * found.rate;
      else if (of(pot) !== 0) return null;
    }
    return sum;
  };
  const worth = decimalToNumber(account.deposits + account.cashFlow + account.cost) + account.unrealizedHigh;
  const equity = missing.length > 0 ? null : double(worth, worthOf);
  const path = equity === null ? UNKNOWN_PATH : pathFigures({ account, pots }, equity, rates);
  return {
    ...home,
    cash: exact(account.deposits + account.cashFlow, (pot) => pot.deposits + pot.cashFlow),
    realizedPnl: exact(account.realizedPnl, (pot) => pot.realizedPnl),
    commission: exact(account.commission, (pot) => pot.commission),
    unrealizedPnl: double(account.unrealizedHigh, (pot) => pot.unrealizedHigh),
    equity,
    ...path,
    grossExposure: double(account.grossHigh, (pot) => pot.grossHigh),
    netExposure: double(account.netHigh, (pot) => pot.netHigh),
    missingRates: missing,
    currencies: [homeEntry(account), ...rated.map(([pot, found]) => entryOf(pot, found))].sort((a, b) =>
      a.currency < b.currency ? -1 : 1,
    ),
  };
}

const UNKNOWN_PATH = { dayPnl: null, peakEquity: null, drawdown: null };

function pathFigures({ account, pots }: Books, equity: number, rates: Rates) {
  // Sums of large amounts of opposite signs round more than what is left of them.
  const size = pots.reduce(
    (sum, pot) => sum + Math.abs(worthOf(pot)) * (rates.now(pot.currency, account.baseCurrency)?.rate ?? 0),
    Math.abs(equity),
  );
  const below = peakOf(account) - account.profit;
  const gap = below > size * RESOLUTION ? below : 0;
  const peakEquity = equity + gap;
  return {
    dayPnl: account.profit - account.dayStartProfit,
    peakEquity,
    drawdown: peakEquity > 0 ? gap / peakEquity : 0,
  };
}

type Entered = Pick<
  Pot,
  'deposits' | 'cashFlow' | 'realizedPnl' | 'commission' | 'unrealizedHigh' | 'netHigh' | 'grossHigh'
>;
const amountsOf = (pot: Entered) => ({
  cash: checkDecimal(pot.deposits + pot.cashFlow),
  realizedPnl: pot.realizedPnl,
  commission: pot.commission,
  unrealizedPnl: pot.unrealizedHigh,
  netExposure: pot.netHigh,
  grossExposure: pot.grossHigh,
});
const homeEntry = (account: Account): CurrencyPnl => ({
  currency: account.baseCurrency,
  rate: 1,
  path: '',
  rateTime: null,
  ...amountsOf(account),
});
const entryOf = (pot: Pot, found: FxRate | null): CurrencyPnl => ({
  currency: pot.currency,
  rate: found?.rate ?? null,
  path: found?.path ?? '',
  rateTime: found?.eventTime ?? null,
  ...amountsOf(pot),
});
