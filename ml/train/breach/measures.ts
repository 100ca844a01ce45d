import { INSTRUMENTS } from '#connectors/replay/reference.ts';
import type { RiskMeasures } from '#schemas/generated/types.ts';
import { dependence, sensitivity, tailsOf } from '#topologies/risk/measures.ts';
import { RISK_SETTINGS, type Shock } from '#topologies/risk/settings.ts';
import type { DeskDay } from './desks.ts';
import type { Closes } from './history.ts';

/** Methods of VaR and ES that limits are learned with: those that need no draws. */
const METHODS = ['historical', 'ewma', 'normal'] as const;
const SECTORS = new Map(INSTRUMENTS.map(({ instrument, sector }) => [instrument, sector ?? '']));

/**
 * A record of risk.measures of a desk at a day's close by the functions of topologies/risk: as there, with the returns of the days before. What
 * no limit is of is left empty. `isDayEnd`: with that day's returns too, as the topology tells when the day is over.
 */
export function measuresOf(
  portfolio: string,
  { at, eventTime, equity, holdings }: DeskDay,
  closes: Closes,
  isDayEnd: boolean,
): RiskMeasures {
  const end = at + Number(isDayEnd);
  const first = Math.max(1, end - RISK_SETTINGS.window);
  const count = Math.max(0, end - first);
  const instruments = holdings.map(({ instrument }) => instrument);
  const amounts = Float64Array.from(holdings, ({ quantity, price }) => quantity * price);
  const past = (name: string) => closes.returns.get(name)!.subarray(first, first + count);
  const returns = instruments.map(past);
  const profits = new Float64Array(count);
  returns.forEach((row, index) => {
    for (let day = 0; day < count; day++) profits[day]! += amounts[index]! * row[day]!;
  });
  const book = { profits, exposures: amounts, returns };
  const gross = amounts.reduce((sum, amount) => sum + Math.abs(amount), 0);
  const { averageCorrelation } =
    instruments.length === 0 ? { averageCorrelation: null } : dependence({ instruments, amounts }, book);
  return {
    ...EMPTY,
    eventTime,
    portfolio,
    dayEnd: isDayEnd,
    equity,
    grossExposure: gross,
    openPositions: instruments.length,
    scenarios: count,
    measures: isDayEnd ? [] : METHODS.flatMap((method) => tailsOf(method, book, [1], RISK_SETTINGS, '')),
    detailTime: eventTime,
    ...sensitivity(book, equity, past(RISK_SETTINGS.benchmark)),
    averageCorrelation,
    shocks: RISK_SETTINGS.shocks.map((shock) => ({
      name: shock.name,
      profit: profitUnder(shock, instruments, amounts, closes, at),
    })),
    sourceEventTime: eventTime,
  };
}

function profitUnder(
  shock: Shock,
  instruments: readonly string[],
  amounts: Float64Array,
  closes: Closes,
  at: number,
): number | null {
  const changes = instruments.map((name) => {
    if ('change' in shock)
      return Number(shock.sector === undefined || shock.sector === SECTORS.get(name)) * shock.change;
    const [from, to] = [closes.dates.indexOf(shock.after), closes.dates.indexOf(shock.to)];
    const row = closes.prices.get(name)!;
    return from >= 0 && to >= 0 && at > to ? row[to]! / row[from]! - 1 : null;
  });
  if (changes.includes(null)) return null;
  return changes.reduce<number>((sum, change, index) => sum + amounts[index]! * change!, 0);
}

const EMPTY: RiskMeasures = {
  eventTime: 0,
  portfolio: '',
  dayEnd: false,
  equity: null,
  longExposure: 0,
  shortExposure: 0,
  grossExposure: 0,
  netExposure: 0,
  leverage: null,
  openPositions: 0,
  unpriced: [],
  historyDate: null,
  scenarios: 0,
  shortestHistory: null,
  measures: [],
  detailTime: 0,
  volatility: null,
  benchmark: RISK_SETTINGS.benchmark,
  beta: null,
  averageCorrelation: null,
  shrinkage: null,
  correlationInstruments: [],
  correlations: [],
  liquidityDays: null,
  liquidityInstrument: null,
  herfindahl: 0,
  largestShare: 0,
  topFiveShare: 0,
  sectors: [],
  contributionConfidence: null,
  contributions: [],
  shocks: [],
  sourceTopic: 'portfolio.positions',
  sourceEventTime: 0,
};
