import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PortfolioDays } from '#api/graphql/attributed-days.ts';
import { attributionOf, type BrinsonAttribution } from '#api/graphql/attribution-figures.ts';
import { cumulativeReturn } from '#quant/performance.ts';
import type { PnlRow } from '#sinks/postgres/read.ts';
import type { PositionDay, RateDay } from '#sinks/postgres/read-attribution.ts';
import { closesOf } from '../../../golden/history.ts';
import { emptyStore, startFakeApi } from '../fake-api.ts';

const SECTORS = { AAPL: 'Technology', MSFT: 'Technology', XOM: 'Energy', KO: null } as const;
type Stock = keyof typeof SECTORS;
const INSTRUMENTS = Object.entries(SECTORS).map(([instrument, sector]) => ({
  instrument,
  sector,
  assetClass: 'EQUITY',
}));
const DAYS = 120;
const { dates } = closesOf('AAPL');
const DATES = dates.slice(-DAYS);
const PRICES = Object.fromEntries(
  Object.keys(SECTORS).map((stock) => [stock, [...closesOf(stock).prices.slice(-DAYS)]]),
) as unknown as Record<Stock, number[]>;

interface Trade {
  readonly day: number;
  readonly stock: Stock;
  readonly quantity: number;
  /** Price paid over the close. */
  readonly above?: number;
}
interface Setting {
  readonly deposits?: Readonly<Record<number, number>>;
  readonly currency?: (stock: Stock) => string;
  /** Base currency for one of the others, by day. */
  readonly rate?: (day: number) => number | null;
  readonly feeShare?: number;
  /** Units for one, from the beginning of a day; prices are as traded, so they fall by it. */
  readonly split?: { readonly day: number; readonly stock: Stock; readonly ratio: number; readonly knownOn?: number };
  /** Per unit, at the beginning of a day. */
  readonly dividend?: { readonly day: number; readonly stock: Stock; readonly amount: number };
}

/** A close of a day at 21:00 UTC, microseconds. */
const closeOf = (date: string) => Date.parse(`${date}T21:00:00Z`) * 1000;

/** A portfolio's ledger day by day, as the topologies would have it: an independent calculation. */
function portfolio(trades: readonly Trade[], setting: Setting = {}): PortfolioDays {
  const { deposits = { 0: 100_000 }, currency = () => 'USD', rate = () => 1, feeShare = 0.001 } = setting;
  const { split, dividend } = setting;
  const book = new Map<Stock, Pick<PositionDay, 'quantity' | 'cost' | 'cashFlow' | 'commission' | 'dividends'>>();
  const priceOf = (stock: Stock, day: number) =>
    PRICES[stock][day]! / (split?.stock === stock && day >= split.day ? split.ratio : 1);
  const positionDays: PositionDay[] = [];
  const pnlDays: { date: string; equity: number; dayPnl: number }[] = [];
  const rates: RateDay[] = [];
  let [deposited, before] = [0, 0];
  DATES.forEach((date, day) => {
    const splitting = split && (split.knownOn ?? split.day) === day ? book.get(split.stock) : undefined;
    if (splitting) book.set(split!.stock, { ...splitting, quantity: splitting.quantity * split!.ratio });
    const holder = dividend?.day === day ? book.get(dividend.stock) : undefined;
    if (holder) {
      const paid = holder.quantity * dividend!.amount;
      const [cashFlow, dividends] = [holder.cashFlow + paid, holder.dividends + paid];
      book.set(dividend!.stock, { ...holder, cashFlow, dividends });
    }
    for (const { stock, quantity, above = 0 } of trades.filter((trade) => trade.day === day)) {
      const row = book.get(stock) ?? { quantity: 0, cost: 0, cashFlow: 0, commission: 0, dividends: 0 };
      const amount = quantity * (priceOf(stock, day) + above);
      const fee = Math.abs(amount) * feeShare;
      book.set(stock, {
        quantity: row.quantity + quantity,
        cost: row.cost + amount,
        cashFlow: row.cashFlow - amount - fee,
        commission: row.commission + fee,
        dividends: row.dividends,
      });
    }
    deposited += deposits[day] ?? 0;
    let equity: number | null = deposited;
    for (const [stock, row] of book) {
      const code = currency(stock);
      const exchange = code === 'USD' ? 1 : rate(day);
      const mark = priceOf(stock, day);
      const eventTime = closeOf(date);
      positionDays.push({ date, eventTime, instrument: stock, currency: code, multiplier: 1, mark, ...row });
      equity = equity === null || exchange === null ? null : equity + (row.cashFlow + row.quantity * mark) * exchange;
    }
    rates.push({ date, baseCurrency: 'USD', rates: { USD: 1, EUR: rate(day) } });
    if (equity === null) return;
    const begin = before + (deposits[day] ?? 0);
    pnlDays.push({ date, equity, dayPnl: equity - begin });
    before = equity;
  });
  const splits = split
    ? [{ instrument: split.stock, exTime: Date.parse(DATES[split.day]!) * 1000, ratio: split.ratio }]
    : [];
  return { pnlDays, positionDays, rates, splits, baseCurrency: 'USD' };
}
const FUND: Trade[] = [
  { day: 0, stock: 'AAPL', quantity: 300, above: 0.5 },
  { day: 0, stock: 'KO', quantity: -200 },
  { day: 40, stock: 'AAPL', quantity: -300, above: 1 },
  { day: 40, stock: 'XOM', quantity: 400, above: -0.25 },
];
const EQUAL: Trade[] = (['AAPL', 'MSFT', 'XOM'] as const).map((stock) => ({
  day: 2,
  stock,
  quantity: 30_000 / PRICES[stock][2]!,
}));
const bench = (days: PortfolioDays) => ({ portfolioId: 'bench', ...days });
const parts = ({ allocation, selection, interaction, other }: BrinsonAttribution) =>
  allocation + selection + interaction + other;
const timeWeighted = (days: PortfolioDays, from: string) =>
  cumulativeReturn(
    days.pnlDays.filter(({ date }) => date >= from).map(({ equity, dayPnl }) => dayPnl / (equity - dayPnl)),
  );

describe('attribution of P&L', () => {
  it('sums to the P&L by instrument and in all, through trades, fees and shorts', () => {
    const fund = portfolio(FUND);
    const { total, instruments, problems, days } = attributionOf(fund, 'none', INSTRUMENTS, null);
    const earned = fund.pnlDays.reduce((sum, { dayPnl }) => sum + dayPnl, 0);
    expect(days).toBe(DAYS);
    expect(total.pnl).toBeCloseTo(earned, 6);
    expect(total.other).toBeCloseTo(0, 6);
    const row = (name: string) => instruments.find(({ instrument }) => instrument === name)!;
    const aapl = row('AAPL');
    const [first, sold] = [PRICES.AAPL[0]!, PRICES.AAPL[40]!];
    expect(aapl.price).toBeCloseTo(300 * (sold - first), 6);
    expect(aapl.trading).toBeCloseTo(-300 * 0.5 + 300 * 1, 6);
    expect(aapl.fees).toBeCloseTo(-0.001 * 300 * (first + 0.5 + sold + 1), 6);
    expect(row('KO').price).toBeCloseTo(-200 * (PRICES.KO.at(-1)! - PRICES.KO[0]!), 6);
    expect(row('KO').sector).toBe('No sector');
    const sum = (key: 'price' | 'dividends' | 'fees' | 'trading') =>
      instruments.reduce((all, one) => all + one[key], 0);
    for (const key of ['price', 'fees', 'trading'] as const) expect(total[key]).toBeCloseTo(sum(key), 6);
    expect(problems).toEqual(['brinson: NO_BENCHMARK: none']);
    expect(instruments.map(({ pnl }) => Math.abs(pnl))).toEqual(
      instruments.map(({ pnl }) => Math.abs(pnl)).sort((a, b) => b - a),
    );
  });

  it('takes a split for what it is: prices fall by it, nothing is lost', () => {
    const plain = attributionOf(portfolio(FUND), 'none', INSTRUMENTS, null);
    const split = { day: 20, stock: 'AAPL', ratio: 4 } as const;
    // What is sold is given in units of after it.
    const trades = FUND.map((trade) =>
      trade.stock === 'AAPL' && trade.day > 20 ? { ...trade, quantity: trade.quantity * 4, above: 0.25 } : trade,
    );
    const fund = portfolio(trades, { split });
    const parted = attributionOf(fund, bench(portfolio(EQUAL)), INSTRUMENTS, null);
    const whole = attributionOf(portfolio(FUND), bench(portfolio(EQUAL)), INSTRUMENTS, null);
    for (const part of ['price', 'trading', 'fees', 'pnl'] as const)
      expect(parted.total[part]).toBeCloseTo(plain.total[part]!, 6);
    expect(parted.total.dividends).toBe(0);
    expect(parted.brinson!.selection).toBeCloseTo(whole.brinson!.selection, 12);
  });

  it('finds the price right when a split is known late: what was wrong meanwhile is trading, and goes', () => {
    const hold: Trade[] = [{ day: 0, stock: 'AAPL', quantity: 300 }];
    const known = attributionOf(portfolio(hold), 'none', INSTRUMENTS, null);
    const split = { day: 20, stock: 'AAPL', ratio: 4, knownOn: 21 } as const;
    const late = portfolio(hold, { split });
    expect(attributionOf(late, 'none', INSTRUMENTS, null).total.pnl).toBeCloseTo(known.total.pnl, 6);
    // On the day itself the price is what it is of the units that are held; the fall of the equity is beside it.
    const day = { ...late, pnlDays: late.pnlDays.filter(({ date }) => date === DATES[20]) };
    const found = attributionOf(day, 'none', INSTRUMENTS, DATES[20]!);
    expect(found.total.price).toBeCloseTo(300 * (PRICES.AAPL[20]! - PRICES.AAPL[19]!), 6);
    expect(found.total.trading).toBeCloseTo((-300 * 3 * PRICES.AAPL[20]!) / 4, 6);
    expect(found.total.pnl).toBeCloseTo(found.total.price! + found.total.trading!, 6);
  });

  it('has dividends as a part of their own, and in the return of the sector that paid them', () => {
    const dividend = { day: 20, stock: 'AAPL', amount: 2 } as const;
    const fund = portfolio(FUND, { dividend });
    const plain = attributionOf(portfolio(FUND), bench(portfolio(EQUAL)), INSTRUMENTS, null);
    const paid = attributionOf(fund, bench(portfolio(EQUAL)), INSTRUMENTS, null);
    expect(paid.total.dividends).toBeCloseTo(600, 9);
    expect(paid.total.pnl).toBeCloseTo(plain.total.pnl + 600, 6);
    expect(paid.total.price).toBeCloseTo(plain.total.price!, 6);
    expect(paid.total.other).toBeCloseTo(0, 6);
    expect(paid.instruments.find(({ instrument }) => instrument === 'AAPL')!.dividends).toBeCloseTo(600, 9);
    const of = ({ brinson }: typeof paid) => brinson!.selection + brinson!.interaction + brinson!.allocation;
    expect(of(paid) - of(plain)).toBeGreaterThan(0.005);
    expect(parts(paid.brinson!)).toBeCloseTo(paid.brinson!.activeReturn, 12);
  });

  it('of a part of the days begins with what was held before', () => {
    const fund = portfolio(FUND);
    const from = DATES[50]!;
    const cut = { ...fund, pnlDays: fund.pnlDays.filter(({ date }) => date >= from) };
    const { total, days } = attributionOf(cut, 'none', INSTRUMENTS, from);
    expect(days).toBe(DAYS - 50);
    const earned = cut.pnlDays.reduce((sum, { dayPnl }) => sum + dayPnl, 0);
    expect(total).toMatchObject({ fees: 0, pnl: expect.closeTo(earned, 6), price: expect.closeTo(earned, 6) });
    expect(total.trading).toBeCloseTo(0, 6);
  });

  it('keeps what exchange rates did apart, and instruments in their own currency', () => {
    const rate = (day: number) => 1 + day / 400;
    const setting = { currency: (stock: Stock) => (stock === 'XOM' ? 'EUR' : 'USD'), rate };
    const fund = portfolio(FUND, setting);
    const { total, instruments, problems } = attributionOf(fund, 'none', INSTRUMENTS, null);
    expect(problems[0]).toContain('in the currency of each');
    expect(total.pnl).toBeCloseTo(total.price! + total.fees! + total.trading! + total.other!, 6);
    // XOM in euros: its P&L of each day at the day's rate; holdings and the euros owed for them move with the rate.
    const xom = instruments.find(({ instrument }) => instrument === 'XOM')!;
    expect(xom.currency).toBe('EUR');
    expect(xom.price).toBeCloseTo(400 * (PRICES.XOM.at(-1)! - PRICES.XOM[40]!), 6);
    let moved = 0;
    for (let day = 41; day < DAYS; day++) {
      const paid = 400 * (PRICES.XOM[40]! - 0.25);
      const worth = 400 * PRICES.XOM[day - 1]! - paid - paid * 0.001;
      moved += worth * (rate(day) - rate(day - 1));
    }
    expect(total.other).toBeCloseTo(moved, 6);
  });

  it('does not know a total where a rate is missing, and says so', () => {
    const setting = { currency: () => 'EUR', rate: (day: number) => (day === 60 ? null : 1) };
    const own = attributionOf(portfolio(FUND, setting), bench(portfolio(EQUAL)), INSTRUMENTS, null);
    expect(own.total).toMatchObject({ price: null, fees: null, trading: null, other: null });
    expect(own.problems.join()).toContain('total: 2 days have no value or no exchange rate');
    expect(own.brinson).toBeNull();
    expect(own.problems.join()).toContain(`VALUE_UNKNOWN: there is no value or no exchange rate on ${DATES[60]}`);
  });

  it('is of nothing where there is nothing, with the reason', () => {
    const nothing: PortfolioDays = { pnlDays: [], positionDays: [], rates: [], splits: [], baseCurrency: 'USD' };
    const found = attributionOf(nothing, bench(portfolio(EQUAL)), INSTRUMENTS, null);
    expect(found).toMatchObject({ from: null, days: 0, instruments: [], brinson: null, total: { pnl: 0, other: 0 } });
    expect(found.problems).toEqual([
      'the portfolio has no day with a value in this range',
      'brinson: NO_BENCHMARK: there is no day on which both this portfolio and bench had equity',
    ]);
  });
});

describe('attribution to sectors', () => {
  it('sums to the difference of the time-weighted returns, deposits, fees and trades within', () => {
    const fund = portfolio(FUND, { deposits: { 0: 100_000, 30: 50_000, 80: -20_000 } });
    const equal = portfolio(EQUAL);
    const { brinson, problems } = attributionOf(fund, bench(equal), INSTRUMENTS, null);
    expect(problems).toEqual([]);
    expect(brinson).toMatchObject({ benchmarkPortfolioId: 'bench', from: DATES[0], to: DATES.at(-1), days: DAYS });
    expect(brinson!.portfolioReturn).toBeCloseTo(timeWeighted(fund, DATES[0]!), 12);
    expect(brinson!.benchmarkReturn).toBeCloseTo(timeWeighted(equal, DATES[0]!), 12);
    expect(parts(brinson!)).toBeCloseTo(brinson!.activeReturn, 12);
    expect(brinson!.sectors.map(({ sector }) => sector)).toEqual(['Energy', 'Technology', 'No sector', 'Cash']);
    for (const side of ['portfolioWeight', 'benchmarkWeight'] as const)
      expect(brinson!.sectors.reduce((sum, row) => sum + row[side], 0)).toBeCloseTo(1, 12);
    const cash = brinson!.sectors.at(-1)!;
    expect(cash).toMatchObject({ selection: 0, interaction: 0, total: cash.allocation });
  });

  it('finds nothing against the portfolio itself', () => {
    const fund = portfolio(FUND);
    const { brinson } = attributionOf(fund, bench(fund), INSTRUMENTS, null);
    expect(brinson).toMatchObject({ activeReturn: 0, allocation: 0, selection: 0, interaction: 0, other: 0 });
  });

  it('lets one stand still on days that only the other has', () => {
    const fund = portfolio(FUND);
    const equal = portfolio(EQUAL);
    const isThere = ({ date }: { date: string }) => date !== DATES[70];
    // Its next day has the P&L of both.
    const [, missing, next] = equal.pnlDays.slice(69, 72);
    const merged = { ...next!, dayPnl: next!.dayPnl + missing!.dayPnl };
    const quiet: PortfolioDays = {
      ...equal,
      pnlDays: equal.pnlDays.filter(isThere).map((day) => (day.date === next!.date ? merged : day)),
      positionDays: equal.positionDays.filter(isThere),
    };
    const { brinson } = attributionOf(fund, bench(quiet), INSTRUMENTS, null);
    expect(brinson!.days).toBe(DAYS);
    expect(brinson!.benchmarkReturn).toBeCloseTo(timeWeighted(equal, DATES[0]!), 12);
    expect(parts(brinson!)).toBeCloseTo(brinson!.activeReturn, 12);
  });

  it('leaves out days that begin with nothing, and refuses another currency', () => {
    const fund = portfolio(FUND, { deposits: { 0: 100_000 } });
    const late = portfolio(EQUAL, { deposits: { 2: 100_000 } });
    expect(attributionOf(fund, bench(late), INSTRUMENTS, null).brinson).toMatchObject({
      from: DATES[2],
      days: DAYS - 2,
    });
    const euro = attributionOf(fund, bench({ ...late, baseCurrency: 'EUR' }), INSTRUMENTS, null);
    expect(euro.problems).toEqual(['brinson: NO_BENCHMARK: the portfolio is in USD, bench in EUR']);
  });

  it('cannot link what was lost', () => {
    const fund = portfolio(FUND);
    const lost = fund.pnlDays.map((day, index) => (index === 5 ? { ...day, dayPnl: -1e6, equity: -1 } : day));
    const { problems } = attributionOf({ ...fund, pnlDays: lost }, bench(portfolio(EQUAL)), INSTRUMENTS, null);
    expect(problems.join()).toContain('brinson: WEALTH_LOST');
  });
});

describe('attribution in GraphQL', () => {
  const asked: unknown[][] = [];
  const all: Record<string, PortfolioDays> = { fund: portfolio(FUND), 'equal-weight': portfolio(EQUAL) };
  const rateAsked: unknown[] = [];
  let currency = 'USD';
  let api: Awaited<ReturnType<typeof startFakeApi>>;
  beforeEach(async () => {
    [asked.length, rateAsked.length, currency] = [0, 0, 'USD'];
    api = await startFakeApi({
      store: emptyStore({
        portfolios: async () => Object.keys(all).map((id) => ({ id, name: id })),
        latestPnl: async () => ({ baseCurrency: currency }) as PnlRow,
        instruments: async () => INSTRUMENTS,
        pnlDays: async (id) => all[id]?.pnlDays.slice() ?? [],
        positionDays: async (...args) => {
          asked.push(args);
          return all[args[0]]?.positionDays.slice() ?? [];
        },
        currencyRates: async (...args) => {
          rateAsked.push(args);
          return [];
        },
      }),
    });
  });
  afterEach(() => api.close());
  const FIELDS = `{ from to days baseCurrency total { price dividends fees trading other pnl }
    instruments { instrument sector currency price dividends fees trading pnl }
    brinson { benchmarkPortfolioId from to days portfolioReturn benchmarkReturn activeReturn allocation selection interaction other
      sectors { sector portfolioWeight benchmarkWeight allocation selection interaction total } } problems }`;
  const query = async (args: string) => {
    const { data, errors } = await api.query(`{ attribution(${args}) ${FIELDS} }`);
    expect(errors).toBeUndefined();
    return data!.attribution as ReturnType<typeof attributionOf>;
  };

  it('holds a portfolio against equal-weight when nothing is said', async () => {
    const answer = await query('portfolioId: "fund"');
    const expected = attributionOf(
      all.fund!,
      { portfolioId: 'equal-weight', ...all['equal-weight']! },
      INSTRUMENTS,
      null,
    );
    expect(answer).toEqual(JSON.parse(JSON.stringify(expected)));
    expect(answer.brinson!.benchmarkPortfolioId).toBe('equal-weight');
    expect(rateAsked).toEqual([]);
  });

  it('says why there is no benchmark', async () => {
    expect((await query('portfolioId: "equal-weight"')).problems).toEqual([
      'brinson: NO_BENCHMARK: equal-weight is itself the benchmark: name another portfolio',
    ]);
    expect((await query('portfolioId: "fund", benchmarkPortfolioId: "gone"')).problems).toEqual([
      'brinson: NO_BENCHMARK: there is no portfolio gone to hold it against: name one',
    ]);
  });

  it('asks for the days that begin in the range, and for rates from a week before where it needs some', async () => {
    currency = 'EUR';
    await query(
      'portfolioId: "fund", from: "2022-12-01T10:00:00Z", to: "2022-12-20T10:00:00Z", benchmarkPortfolioId: "x"',
    );
    expect(asked).toEqual([['fund', '2022-12-02', '2022-12-20']]);
    expect(rateAsked).toEqual([['fund', '2022-11-25', '2022-12-20']]);
    const wrong = 'portfolioId: "p", from: "2001-01-01T00:00:00Z", to: "2000-01-01T00:00:00Z"';
    const { errors } = await api.query(`{ attribution(${wrong}) { days } }`);
    expect(errors![0]!.message).toBe('from must not be later than to');
  });

  it('says in words what each of its fields is', async () => {
    const { data } = await api.query('{ __schema { types { name fields { name description } } } }');
    type Type = { name: string; fields: { name: string; description: string | null }[] | null };
    const types = (data!.__schema as { types: Type[] }).types.filter(({ name }) =>
      /Attribution|^Brinson|^Factor/.test(name),
    );
    expect(types.map(({ name }) => name).sort()).toEqual([
      'Attribution',
      'BrinsonAttribution',
      'BrinsonSector',
      'FactorCoefficient',
      'FactorRegression',
      'InstrumentPnlAttribution',
      'PnlAttribution',
    ]);
    expect(types.flatMap((type) => type.fields!.filter(({ description }) => !description))).toEqual([]);
  });
});
