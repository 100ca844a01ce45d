import { decimalToNumber } from '#schemas/decimal.ts';
import type { Instrument, RiskMeasures, RiskTail } from '#schemas/generated/types.ts';
import type { GlobalTable } from '#streams/topology/types.ts';
import { dateOf } from '../kit/days.ts';
import type { Histories } from '../kit/histories.ts';
import { liquidity } from './liquidity.ts';
import {
  concentration,
  contributionsOf,
  dependence,
  detailMethods,
  exposureFigures,
  liveTails,
  noTails,
  sensitivity,
  tailsOf,
  zeroTails,
} from './measures.ts';
import type { PortfolioRisk } from './portfolio-risk.ts';
import type { RiskSettings } from './settings.ts';
import { listed, noStress, shockProfits, stressedTails } from './stress.ts';

/** What a record is made of beside the holdings. */
export interface Moment {
  /** Microseconds. */
  readonly eventTime: number;
  /** UTC day at whose beginning histories are read. */
  readonly day: number;
  readonly dayEnd: boolean;
  readonly equity: number | null;
  readonly sourceTopic: string;
  readonly sourceEventTime: number;
}
/** What is renewed less often. */
type Detail = Pick<
  RiskMeasures,
  | 'detailTime'
  | 'benchmark'
  | 'contributionConfidence'
  | 'contributions'
  | 'shocks'
  | keyof ReturnType<typeof sensitivity>
  | keyof ReturnType<typeof dependence>
  | keyof ReturnType<typeof concentration>
  | keyof ReturnType<typeof liquidity>
> & { readonly detailMeasures: readonly RiskTail[] };

/** Puts a portfolio's risk into a record: `live` figures each time, detail when its time has come (RiskSettings.detailIntervalMs). */
export class Describer {
  readonly #histories: Histories;
  readonly #instruments: GlobalTable<Instrument>;
  readonly #settings: RiskSettings;

  constructor(histories: Histories, instruments: GlobalTable<Instrument>, settings: RiskSettings) {
    this.#histories = histories;
    this.#instruments = instruments;
    this.#settings = settings;
  }

  /** `before`: the portfolio's record before, whose detail may do; null for all afresh. */
  describe(risk: PortfolioRisk, moment: Moment, before: RiskMeasures | null): RiskMeasures {
    const { day, ...said } = moment;
    risk.update(this.#histories, day);
    const figures = exposureFigures(risk.exposures(), moment.equity);
    const impossible = this.#impossible(risk, figures.unpriced, day);
    const isDue = !before || this.#interval(moment.eventTime) !== this.#interval(before.detailTime);
    const { detailMeasures, ...detail } = isDue ? this.#detail(risk, moment, impossible) : detailOf(before);
    return {
      ...detail,
      ...figures,
      ...said,
      portfolio: risk.portfolio,
      historyDate: risk.historyDate,
      scenarios: risk.scenarios,
      shortestHistory: risk.shortestHistory,
      measures: [...this.#liveTails(risk, figures.openPositions === 0, impossible), ...detailMeasures],
    };
  }

  #interval(eventTime: number): number {
    return Math.floor(eventTime / 1000 / this.#settings.detailIntervalMs);
  }

  /** Why nothing can be said; null when it can. */
  #impossible(risk: PortfolioRisk, unpriced: readonly string[], day: number): string | null {
    const lacks = risk.foreign.length > 0 ? 'no mark, or no rate of its currency,' : 'no mark';
    if (unpriced.length > 0) return `UNPRICED: ${lacks} for ${listed(unpriced)}`;
    // Scenarios of prices alone would leave out what rates do, to cash too.
    if (risk.foreign.length > 0) return `CURRENCY: rates of ${listed(risk.foreign)} are not in the scenarios`;
    if (risk.scenarios > 0 || risk.exposures().instruments.length === 0) return null;
    return `HISTORY_MISSING: ${risk.shortestHistory} has no daily returns before ${dateOf(day)}`;
  }

  /** Historical VaR and ES one day ahead, of the exposures as they are. */
  #liveTails({ book, scenarios }: PortfolioRisk, isFlat: boolean, impossible: string | null): RiskTail[] {
    const settings = this.#settings;
    if (impossible !== null) return noTails('historical', [1], settings, scenarios, impossible);
    if (isFlat) return zeroTails('historical', [1], settings);
    if (book) return liveTails(book, settings);
    return noTails('historical', [1], settings, scenarios, 'HISTORY_TOO_SHORT: one day of history is no distribution');
  }

  #detail(risk: PortfolioRisk, moment: Moment, impossible: string | null): Detail {
    const { eventTime, equity, day } = moment;
    const settings = this.#settings;
    const exposures = risk.exposures();
    const holdings = risk.holdings();
    const sectors = exposures.instruments.map((name) => this.#sectorOf(name, eventTime));
    const isKnown = impossible === null;
    const contributions = isKnown ? contributionsOf(exposures, holdings, settings.contributionConfidence) : [];
    const benchmark = risk.alongside(this.#histories.before(settings.benchmark, day));
    return {
      detailTime: eventTime,
      detailMeasures: this.#detailTails(risk, day, impossible),
      benchmark: settings.benchmark,
      ...(isKnown ? sensitivity(holdings, equity, benchmark) : { volatility: null, beta: null }),
      // Correlations in other currencies than that of the exposures would be others.
      ...dependence(exposures, risk.foreign.length > 0 ? { ...holdings, returns: [] } : holdings),
      ...concentration(exposures, sectors),
      ...(risk.foreign.length > 0
        ? { liquidityDays: null, liquidityInstrument: null }
        : liquidity(exposures, (name) => this.#tradedADay(name, moment), settings)),
      contributionConfidence: contributions.length > 0 ? settings.contributionConfidence : null,
      contributions,
      shocks: isKnown
        ? shockProfits(exposures, sectors, this.#histories, day, settings)
        : settings.shocks.map(({ name }) => ({ name, profit: null })),
    };
  }

  #detailTails(risk: PortfolioRisk, day: number, impossible: string | null): RiskTail[] {
    const settings = this.#settings;
    const exposures = risk.exposures();
    const holdings = risk.holdings();
    // The same draws all day: what moves is the portfolio, not the dice.
    const seed = `${risk.portfolio}/${dateOf(day)}`;
    const tails = detailMethods(settings).flatMap(({ method, horizons }) => {
      if (impossible !== null) return noTails(method, horizons, settings, risk.scenarios, impossible);
      if (exposures.instruments.length === 0) return zeroTails(method, horizons, settings);
      return tailsOf(method, holdings, horizons, settings, seed);
    });
    return impossible === null
      ? [...tails, ...stressedTails(exposures, this.#histories, day, settings)]
      : [...tails, ...noStress(settings, impossible)];
  }

  /** Average value traded a day, with the multiplier; null: not known. */
  #tradedADay(instrument: string, { day, eventTime }: Moment): number | null {
    const turnover = this.#histories.averageTurnover(instrument, day, this.#settings.turnoverDays);
    if (turnover === null) return null;
    const described = this.#instruments.getAsOf(instrument, Math.floor(eventTime / 1000))?.value;
    return described ? turnover * decimalToNumber(described.multiplier) : turnover;
  }

  /** As it was described at that time; empty for none. */
  #sectorOf(instrument: string, eventTime: number): string {
    return this.#instruments.getAsOf(instrument, Math.floor(eventTime / 1000))?.value.sector ?? '';
  }
}

/** The detail of a record, to be repeated in the next. */
function detailOf(before: RiskMeasures): Detail {
  const isLive = ({ method, horizonDays, stressWindow }: RiskTail) =>
    method === 'historical' && horizonDays === 1 && stressWindow === null;
  return { ...before, detailMeasures: before.measures.filter((entry) => !isLive(entry)) };
}
