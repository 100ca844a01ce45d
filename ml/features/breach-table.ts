/**
 * The features of breach prediction, once: their order is the order of a row, of the training set and of the model's input. What a model was
 * trained on is computed by the code that serves it (breach.ts), so the table is also what the training script and the docs read.
 */
import { LIMIT_TYPE_NAMES, LIMIT_TYPES, type LimitTypeName } from '#schemas/limits.ts';

/** What belongs together when a prediction is explained: features of one group tell of one thing (contributions.ts). */
export const GROUPS = {
  level: 'How much of the limit is used now, and was at most lately.',
  distance: 'How far the limit is, measured by how much utilisation moves.',
  trend: 'Where utilisation is going.',
  memory: 'How often the limit was near or broken before.',
  portfolio: 'What the portfolio has earned and lost.',
  volatility: 'How much the portfolio moves, and how much of that its limit allows.',
  market: 'The state of the market.',
  type: 'What is limited.',
} as const;
export type GroupName = keyof typeof GROUPS;
export const GROUP_NAMES = Object.keys(GROUPS) as GroupName[];

export interface Feature {
  readonly name: string;
  /** Plain numbers, trading days, or standard deviations of a day. */
  readonly unit: 'ratio' | 'days' | 'sigmas' | 'log' | 'probability' | 'flag';
  readonly group: GroupName;
  /** 1: a breach never gets less likely as it rises; -1: never more likely; 0: the data say. Training is held to it. */
  readonly monotone: -1 | 0 | 1;
  readonly doc: string;
}

/** Trading days ahead that a breach is predicted for. */
export const HORIZONS_DAYS = [1, 5, 20] as const;
/** Decay of a day, of what is said to move now (RiskMetrics) and of what is usual. */
export const FAST_DECAY = 0.94;
export const SLOW_DECAY = 0.99;
/** Days that are remembered. */
export const MEMORY_DAYS = 250;
/** Utilisation below this counts as this where its logarithm is taken. */
export const LEAST_UTILISATION = 0.01;
/** Larger figures say no more: of utilisation, of days and of distances in standard deviations. */
export const CAPS = { utilisation: 1000, days: 1250, sigmas: 50, ratio: 20 } as const;

/** Types that are watched: orders by themselves are checked before they go, and nothing of them can be foreseen. */
export const WATCHED_TYPES: readonly LimitTypeName[] = LIMIT_TYPE_NAMES.filter(
  (name) => !('isPerOrder' in LIMIT_TYPES[name]),
);

type Row = readonly [name: string, unit: Feature['unit'], monotone: Feature['monotone'], doc: string];
const group = (name: GroupName, rows: readonly Row[]): Feature[] =>
  rows.map(([feature, unit, monotone, doc]) => ({ name: feature, unit, group: name, monotone, doc }));

export const FEATURES: readonly Feature[] = [
  ...group('level', [
    ['utilisation', 'ratio', 1, 'Figure over limit, 0 to 1000.'],
    [
      'high20',
      'ratio',
      0,
      'Highest utilisation at the end of a day in the last 20 days with a figure, today among them.',
    ],
    ['high60', 'ratio', 0, 'As high20, of 60 days.'],
    ['high250', 'ratio', 0, 'As high20, of 250 days.'],
  ]),
  ...group('distance', [
    [
      'distanceFast',
      'sigmas',
      -1,
      '(1 - utilisation) / fast volatility of its daily changes, -50 to 50; 50 if it never moved.',
    ],
    ['distanceSlow', 'sigmas', -1, 'As distanceFast, by the slow volatility.'],
    [
      'logDistanceFast',
      'sigmas',
      -1,
      '-ln(utilisation) / fast volatility of its daily logarithmic changes, -50 to 50; 50 if it never moved.',
    ],
    ['logDistanceSlow', 'sigmas', -1, 'As logDistanceFast, by the slow volatility.'],
    [
      'passage1',
      'probability',
      1,
      'Probability that a normal diffusion of ln(utilisation), with its fast drift and volatility, touches the limit within a day.',
    ],
    ['passage5', 'probability', 1, 'As passage1, within 5 days.'],
    ['passage20', 'probability', 1, 'As passage1, within 20 days.'],
  ]),
  ...group('trend', [
    ['change1', 'ratio', 0, 'Utilisation less that of the day before; 0 without one.'],
    ['change5', 'ratio', 0, 'As change1, of 5 days before, or of the oldest day there is.'],
    ['change20', 'ratio', 0, 'As change5, of 20 days before.'],
    ['drift', 'log', 0, 'Mean daily logarithmic change of utilisation, fast.'],
  ]),
  ...group('memory', [
    ['share80', 'ratio', 0, 'Share of the last 250 days with a figure on which utilisation was at least 0.8.'],
    ['share90', 'ratio', 0, 'As share80, at least 0.9.'],
    [
      'daysSinceBreach',
      'days',
      0,
      'Days with a figure since the limit was last broken: 0 today, 1250 if longer ago or never.',
    ],
    ['breachShare', 'ratio', 0, 'Share of the last 250 days with a figure on which it was broken at any moment.'],
    ['historyDays', 'days', 0, 'Days with a figure so far, today among them, at most 250.'],
  ]),
  ...group('portfolio', [
    ['drawdown', 'ratio', 0, 'Fall of equity from its peak.'],
    ['return1', 'sigmas', 0, "Today's return over the slow daily volatility, -50 to 50."],
    ['return5', 'sigmas', 0, 'Sum of the last 5 daily returns over the slow volatility of 5 days, -50 to 50.'],
    ['return20', 'sigmas', 0, 'As return5, of 20 days.'],
    ['leverage', 'ratio', 0, 'Gross exposure over equity, 0 to 20.'],
  ]),
  ...group('volatility', [
    ['equityVolatility', 'ratio', 0, 'Fast volatility of daily returns on equity, annualised (252 days).'],
    ['equityVolatilityRatio', 'ratio', 0, 'Fast over slow volatility, at most 20; 1 if the portfolio never moved.'],
    [
      'thresholdToVolatility',
      'sigmas',
      -1,
      'The limit in fast daily standard deviations of equity, at most 50: an amount or a drawdown as a fraction of equity, a volatility by the day; 50 for other types.',
    ],
    [
      'roomToVolatility',
      'sigmas',
      -1,
      'As thresholdToVolatility, of the limit less the figure, -50 to 50; a day loss is new each day, so its room is the limit.',
    ],
  ]),
  ...group('market', [
    [
      'marketVolatility',
      'ratio',
      0,
      "Fast volatility of the market's daily logarithmic returns up to yesterday, annualised.",
    ],
    ['marketVolatilityRatio', 'ratio', 0, 'Fast over slow volatility of the market, at most 20; 1 if it never moved.'],
    ['marketReturn5', 'log', 0, 'Logarithmic return of the market over 5 days up to yesterday.'],
    ['marketReturn20', 'log', 0, 'As marketReturn5, over 20 days.'],
    ['marketDrawdown', 'ratio', 0, 'Fall of the market from its highest close of 250 days, up to yesterday.'],
  ]),
  ...group(
    'type',
    WATCHED_TYPES.map((name): Row => [`is-${name}`, 'flag', 0, `1 for a limit of type ${name}, else 0.`]),
  ),
];
export const FEATURE_NAMES: readonly string[] = FEATURES.map(({ name }) => name);
