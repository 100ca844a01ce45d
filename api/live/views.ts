import type {
  LimitUtilisation,
  PortfolioPnl,
  Position,
  RiskBreach,
  RiskMeasures,
  Trade,
} from '#schemas/generated/types.ts';
import type { Metrics } from '#streams/kit/metrics.ts';
import { LiveView } from './view.ts';

/** A position as the API shows it. */
export type LivePosition = Omit<Position, 'revision' | 'cause' | 'sourceTopic' | 'sourceEventTime'>;

/** The live side of the API: one view a topic. */
export interface LiveViews {
  readonly pnl: LiveView<PortfolioPnl>;
  readonly positions: LiveView<LivePosition>;
  readonly trades: LiveView<Trade>;
  readonly risk: LiveView<RiskMeasures>;
  readonly limits: LiveView<LimitUtilisation>;
  /** The newest incident of each limit. */
  readonly breaches: LiveView<RiskBreach>;
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
  breaches: new LiveView(
    {
      topic: 'risk.breaches',
      key: (value: RiskBreach) => `${value.portfolio}/${value.limitId}`,
      group: (value: RiskBreach) => value.portfolio,
      passLate: false,
    },
    metrics,
  ),
});
