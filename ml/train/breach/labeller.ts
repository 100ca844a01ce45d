/**
 * The limit engine over a desk's days: the topology `limits` itself, so that nothing here decides what a breach is. Gives the records that
 * breach-set.ts reads, in their order.
 */

import { INSTRUMENTS } from '#connectors/replay/reference.ts';
import { parseDecimal } from '#schemas/decimal.ts';
import type { LimitUtilisation, PortfolioPnl, Position, RiskBreach, RiskLimit } from '#schemas/generated/types.ts';
import { Random } from '#streams/kit/random.ts';
import { TopologyTestDriver } from '#streams/testing/driver.ts';
import { limits } from '#topologies/limits/graph.ts';
import type { BreachRecord } from '../../features/breach-set.ts';
import type { Desk, DeskDay } from './desks.ts';
import type { Closes } from './history.ts';
import { demoLimits, KIND_NAMES, MadeLimits, PROBE, probes } from './made-limits.ts';
import { measuresOf } from './measures.ts';

/** Later than anything in the history: nothing is from the future. */
const NOW_MS = Date.UTC(2024, 0, 1);

export class Labeller {
  readonly #driver = new TopologyTestDriver(limits(), { partitions: 1, now: () => NOW_MS });
  readonly #desk: Desk;
  readonly #closes: Closes;
  readonly #made: readonly { readonly kind: string; readonly limits: MadeLimits }[];
  /** What the probes' utilisation was told to be last. */
  readonly #figures = new Map<string, number | null>();
  #held = new Set<string>();
  #before: DeskDay | null = null;

  constructor(desk: Desk, closes: Closes) {
    this.#desk = desk;
    this.#closes = closes;
    const { portfolio } = desk;
    this.#made = KIND_NAMES.map((kind) => ({
      kind,
      limits: new MadeLimits(portfolio, kind, new Random(`${portfolio}/${kind}`)),
    }));
    for (const instrument of INSTRUMENTS) this.#pipe('reference.instruments', instrument.instrument, instrument);
    const { eventTime } = desk.days[0]!;
    for (const limit of [...demoLimits(portfolio, eventTime), ...probes(portfolio, eventTime)]) this.#set(limit);
  }

  /** One day after the other: its records, ending with those of limits set or taken away at its end. */
  *days(): Generator<BreachRecord[]> {
    for (const day of this.#desk.days) {
      const pnl = this.#feed(day);
      yield [{ kind: 'pnl', value: pnl }, ...this.#read(day), ...this.#endDay(day)];
      this.#before = day;
    }
    const refused = this.#driver.readRejected();
    if (refused.length > 0) throw new Error(`${refused.length} records were refused, first: ${refused[0]!.reason}`);
  }

  #feed(day: DeskDay): PortfolioPnl {
    const { portfolio } = this.#desk;
    // What the day before ended with is known once it is over.
    if (this.#before) this.#pipe('risk.measures', portfolio, measuresOf(portfolio, this.#before, this.#closes, true));
    const held = new Set(day.holdings.map(({ instrument }) => instrument));
    const gone = [...this.#held].filter((instrument) => !held.has(instrument));
    for (const instrument of gone) this.#position({ instrument, quantity: 0, price: 1 }, day.eventTime);
    for (const holding of day.holdings) this.#position(holding, day.eventTime);
    this.#held = held;
    const gross = day.holdings.reduce((sum, { quantity, price }) => sum + Math.abs(quantity * price), 0);
    const { eventTime, equity, dayPnl, drawdown } = day;
    const pnl = {
      ...NO_PNL,
      eventTime,
      portfolio,
      equity,
      dayPnl,
      drawdown,
      grossExposure: gross,
      sourceEventTime: eventTime,
    };
    this.#pipe('portfolio.pnl', portfolio, pnl);
    this.#pipe('risk.measures', portfolio, measuresOf(portfolio, day, this.#closes, false));
    this.#driver.commit();
    return pnl;
  }

  #endDay({ eventTime, at }: DeskDay): BreachRecord[] {
    const volatility = this.#figures.get(`${PROBE}volatility`) ?? null;
    for (const { kind, limits: made } of this.#made) {
      const change = made.endDay(this.#figures.get(PROBE + kind) ?? null, volatility, eventTime);
      if (typeof change === 'string')
        this.#send('risk.limits', `${this.#desk.portfolio}/${change}`, null, eventTime / 1000);
      else if (change) this.#set(change);
    }
    this.#driver.commit();
    return this.#read({ eventTime, at });
  }

  #read({ eventTime }: Pick<DeskDay, 'eventTime' | 'at'>): BreachRecord[] {
    const records: BreachRecord[] = [];
    for (const { key, value } of this.#driver.read<LimitUtilisation | null>('risk.utilisation')) {
      const limitId = key.slice(key.indexOf('/') + 1);
      if (limitId.startsWith(PROBE)) this.#figures.set(limitId, value?.utilisation ?? null);
      else records.push({ kind: 'utilisation', limitId, value, eventTime: value?.eventTime ?? eventTime });
    }
    for (const { value } of this.#driver.read<RiskBreach>('risk.breaches'))
      if (!value.limitId.startsWith(PROBE)) records.push({ kind: 'breach', value });
    this.#driver.read('audit.trail');
    return records;
  }

  #set(limit: RiskLimit): void {
    this.#pipe('risk.limits', `${limit.portfolio}/${limit.limitId}`, limit);
  }

  #position({ instrument, quantity, price }: DeskDay['holdings'][number], eventTime: number): void {
    const { portfolio } = this.#desk;
    const value: Position = {
      ...NO_POSITION,
      eventTime,
      portfolio,
      instrument,
      quantity: parseDecimal(String(quantity)),
      markPrice: price,
      markTime: eventTime,
      sourceEventTime: eventTime,
    };
    this.#pipe('portfolio.positions', `${portfolio}/${instrument}`, value);
  }

  #pipe(topic: string, key: string, value: { readonly eventTime: number }): void {
    this.#send(topic, key, value, Math.floor(value.eventTime / 1000));
  }
  #send(topic: string, key: string, value: unknown, timestampMs: number): void {
    this.#driver.pipe(topic, { key, value, timestampMs: Math.floor(timestampMs), partition: 0 });
  }
}

const NO_PNL: PortfolioPnl = {
  eventTime: 0,
  portfolio: '',
  cash: 0n,
  realizedPnl: 0n,
  commission: 0n,
  unrealizedPnl: 0,
  equity: 0,
  dayPnl: 0,
  grossExposure: 0,
  netExposure: 0,
  peakEquity: 0,
  drawdown: 0,
  openPositions: 0,
  unpricedPositions: 0,
  baseCurrency: 'USD',
  missingRates: [],
  currencies: [],
  sourceTopic: 'portfolio.positions',
  sourceEventTime: 0,
};
const NO_POSITION = {
  averagePrice: null,
  cost: 0n,
  multiplier: parseDecimal('1'),
  currency: 'USD',
  realizedPnl: 0n,
  unrealizedPnl: 0,
  commission: 0n,
  dividends: 0n,
  cashFlow: 0n,
  fills: 1,
  revision: 1,
  unpriced: false,
  cause: 'MARK',
  sourceTopic: 'market.trades',
} as const;
