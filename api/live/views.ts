import type {
  BreachPrediction,
  Depth,
  IndicatorValues,
  LimitUtilisation,
  MarketRegime,
  MlEvent,
  PortfolioPnl,
  Position,
  RiskBreach,
  RiskMeasures,
  Trade,
  Types,
} from '#schemas/generated/types.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { Metrics } from '#streams/kit/metrics.ts';
import { isSoundTrade } from './sound-trade.ts';
import { LiveView } from './view.ts';

/** A position as the API shows it. */
export type LivePosition = Omit<Position, 'revision' | 'cause' | 'sourceTopic' | 'sourceEventTime'>;

/** The live side of the API: one view a topic. */
export interface LiveViews {
  readonly pnl: LiveView<PortfolioPnl>;
  readonly positions: LiveView<LivePosition>;
  readonly trades: LiveView<Trade>;
  readonly indicators: LiveView<IndicatorValues>;
  /** The newest day of each instrument. */
  readonly regimes: LiveView<MarketRegime>;
  readonly risk: LiveView<RiskMeasures>;
  readonly limits: LiveView<LimitUtilisation>;
  /** The newest of each limit. */
  readonly predictions: LiveView<BreachPrediction>;
  /** The newest incident of each limit. */
  readonly breaches: LiveView<RiskBreach>;
  /** The newest of each version of each model. */
  readonly mlEvents: LiveView<MlEvent>;
  readonly books: LiveView<Depth>;
}

export const createViews = (metrics: Metrics): LiveViews => ({
  pnl: new LiveView(
    {
      topic: 'portfolio.pnl',
      key: (value: PortfolioPnl) => value.portfolio,
      group: (value: PortfolioPnl) => value.portfolio,
      passLate: false,
    },
    metrics,
  ),
  positions: new LiveView(
    {
      topic: 'portfolio.positions',
      key: (value: LivePosition) => `${value.portfolio}/${value.instrument}`,
      group: (value: LivePosition) => value.portfolio,
      passLate: false,
    },
    metrics,
  ),
  trades: new LiveView(
    {
      topic: 'market.trades',
      key: (value: Trade) => value.instrument,
      group: (value: Trade) => value.instrument,
      passLate: true,
    },
    metrics,
  ),
  indicators: new LiveView(
    {
      topic: 'market.indicators',
      key: (value: IndicatorValues) => `${value.instrument}/${value.interval}`,
      group: (value: IndicatorValues) => value.instrument,
      passLate: false,
    },
    metrics,
  ),
  regimes: new LiveView(
    {
      topic: 'market.regimes',
      key: (value: MarketRegime) => value.instrument,
      group: (value: MarketRegime) => value.instrument,
      passLate: false,
    },
    metrics,
  ),
  risk: new LiveView(
    {
      topic: 'risk.measures',
      key: (value: RiskMeasures) => value.portfolio,
      group: (value: RiskMeasures) => value.portfolio,
      passLate: false,
    },
    metrics,
  ),
  limits: new LiveView(
    {
      topic: 'risk.utilisation',
      key: (value: LimitUtilisation) => `${value.portfolio}/${value.limitId}`,
      group: (value: LimitUtilisation) => value.portfolio,
      passLate: false,
    },
    metrics,
  ),
  predictions: new LiveView(
    {
      topic: 'risk.predictions',
      key: (value: BreachPrediction) => `${value.portfolio}/${value.limitId}`,
      group: (value: BreachPrediction) => value.portfolio,
      passLate: false,
    },
    metrics,
  ),
  breaches: new LiveView(
    {
      topic: 'risk.breaches',
      key: (value: RiskBreach) => `${value.portfolio}/${value.limitId}`,
      group: (value: RiskBreach) => value.portfolio,
      passLate: false,
    },
    metrics,
  ),
  mlEvents: new LiveView(
    {
      topic: 'ml.events',
      key: (value: MlEvent) => `${value.model}/${value.version ?? ''}`,
      group: (value: MlEvent) => value.model,
      passLate: false,
    },
    metrics,
  ),
  books: new LiveView(
    {
      topic: 'market.depth',
      key: (value: Depth) => value.instrument,
      group: (value: Depth) => value.instrument,
      passLate: false,
    },
    metrics,
  ),
});

type Apply = { readonly [T in keyof Types]?: (views: LiveViews, value: Types[T], nowMs: number) => void };

/** The topics that the live side follows, and what a value of each does. Throws TRADE_UNSOUND. */
export const APPLY = {
  'portfolio.pnl': (views, value) => views.pnl.apply(value),
  'portfolio.positions': (views, value) => views.positions.apply(value),
  'market.trades': (views, trade, nowMs) => {
    if (!isSoundTrade(trade, nowMs))
      throw new TidemarkError('TRADE_UNSOUND', `price ${trade.price} at ${trade.eventTime} is no market data`);
    views.trades.apply(trade);
  },
  'market.indicators': (views, value) => views.indicators.apply(value),
  'market.regimes': (views, value) => {
    // What a late return changes of days before is history: a display shows the newest.
    const [known] = views.regimes.values(value.instrument);
    if (!known || value.date >= known.date) views.regimes.apply(value);
  },
  'risk.measures': (views, value) => {
    // Ends of days are history: a display shows what is held now.
    if (!value.dayEnd) views.risk.apply(value);
  },
  'risk.utilisation': (views, value) => views.limits.apply(value),
  'risk.predictions': (views, value) => views.predictions.apply(value),
  'risk.breaches': (views, value) => views.breaches.apply(value),
  'ml.events': (views, value) => views.mlEvents.apply(value),
  'market.depth': (views, value) => views.books.apply(value),
} as const satisfies Apply;
