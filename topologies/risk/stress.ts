import type { RiskTail, ShockProfit } from '#schemas/generated/types.ts';
import { dayOfDate } from '../kit/days.ts';
import type { Histories, History } from '../kit/histories.ts';
import { align } from '../kit/scenarios.ts';
import { type Exposures, noTails, tailsOf, zeroTails } from './measures.ts';
import type { RiskSettings, Shock } from './settings.ts';

/** An instrument has a history of a window when it traded within so many days of both its ends: holidays and weekends. */
const NEAR_DAYS = 7;

const covers = ({ days }: History, first: number, last: number) =>
  days.length > 0 && days[0]! - first <= NEAR_DAYS && last - days.at(-1)! <= NEAR_DAYS;

/** The entries of stress without figures. */
export const noStress = (settings: RiskSettings, problem: string): RiskTail[] =>
  noTails('historical', settings.horizonsDays, settings, 0, problem, stressName(settings));

const stressName = ({ stress }: RiskSettings) => `${stress.from}/${stress.to}`;

/**
 * Historical VaR and ES of today's exposures over the days of stress. Before those days are over, or where a holding has no history of them,
 * there is none, and why. `day`: the UTC day at whose beginning histories are read.
 */
export function stressedTails(
  { instruments, amounts }: Exposures,
  histories: Histories,
  day: number,
  settings: RiskSettings,
): RiskTail[] {
  const { stress, horizonsDays } = settings;
  const name = stressName(settings);
  const [first, last] = [dayOfDate(stress.from), dayOfDate(stress.to)];
  if (instruments.length === 0) return zeroTails('historical', horizonsDays, settings, name);
  const none = (problem: string) => noStress(settings, problem);
  if (day <= last) return none(`STRESS_WINDOW_AHEAD: the window ends on ${stress.to}`);
  const past = instruments.map((instrument) => histories.between(instrument, first, last, day));
  const missing = instruments.filter((_, index) => !covers(past[index]!, first, last));
  if (missing.length > 0) return none(`HISTORY_MISSING: no prices of ${listed(missing)} in the window`);
  const { days, returns } = align(past, Number.POSITIVE_INFINITY);
  const profits = Float64Array.from(days, (_, at) =>
    returns.reduce((sum, row, index) => sum + amounts[index]! * row[at]!, 0),
  );
  return tailsOf('historical', { profits, exposures: amounts, returns }, horizonsDays, settings, '', name);
}

/** Profit of today's exposures under each shock. `sectors`: of each instrument, '' for none. */
export function shockProfits(
  exposures: Exposures,
  sectors: readonly string[],
  histories: Histories,
  day: number,
  { shocks }: RiskSettings,
): ShockProfit[] {
  return shocks.map((shock) => ({ name: shock.name, profit: profitUnder(shock, exposures, sectors, histories, day) }));
}

function profitUnder(
  shock: Shock,
  { instruments, amounts }: Exposures,
  sectors: readonly string[],
  histories: Histories,
  day: number,
): number | null {
  let profit = 0;
  for (const [index, instrument] of instruments.entries()) {
    const change =
      'change' in shock
        ? Number(shock.sector === undefined || shock.sector === sectors[index]) * shock.change
        : pastChange(histories, instrument, shock, day);
    if (change === null) return null;
    profit += amounts[index]! * change;
  }
  return profit;
}

/** Compounded return between two closes; null where they are not past, or the instrument did not trade. */
function pastChange(
  histories: Histories,
  instrument: string,
  { after, to }: { readonly after: string; readonly to: string },
  day: number,
): number | null {
  const [first, last] = [dayOfDate(after) + 1, dayOfDate(to)];
  if (day <= last) return null;
  const history = histories.between(instrument, first, last, day);
  if (!covers(history, first, last)) return null;
  return history.returns.reduce((value, change) => value * (1 + change), 1) - 1;
}

const LISTED = 5;

/** The first few of a list, and how many more there are. */
export function listed(names: readonly string[]): string {
  const more = names.length - LISTED;
  return `${names.slice(0, LISTED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
