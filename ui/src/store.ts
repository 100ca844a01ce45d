import { create } from 'zustand';
import type { Backtests, Performance, Pnl, Portfolio, Position, Risk, RiskPoint, Trade } from './api.ts';

import type { Attribution } from './attribution-api.ts';
import type { Control } from './limits-api.ts';

export type Connection = 'connecting' | 'live' | 'down';

export interface TapeRow extends Trade {
  /** Price of the trade of this instrument shown before; null for the first. */
  readonly previousPrice: number | null;
}

export interface State {
  readonly connection: Connection;
  /** What the server says is wrong; null when nothing is. */
  readonly problem: string | null;
  /** Whether the list of portfolios has been read: before it, an empty page is no empty system. */
  readonly loaded: boolean;
  /** Wall clock of the newest arrival of a value, milliseconds; null before the first. */
  readonly arrivedAtMs: number | null;
  /** Newest event time of all values, ISO 8601. */
  readonly dataTime: string | null;
  readonly portfolios: readonly Portfolio[];
  readonly pnl: Readonly<Record<string, Pnl>>;
  readonly selected: string | null;
  /** Of the selected portfolio, by instrument. */
  readonly positions: Readonly<Record<string, Position>>;
  /** Of the selected portfolio; null before the first. */
  readonly risk: Risk | null;
  readonly backtests: Backtests | null;
  /** Level of the figures of risk that are shown, e.g. 0.99. */
  readonly riskLevel: number;
  /** Of the selected portfolio one day ahead, and at which level. */
  readonly riskHistory: { readonly level: number; readonly points: readonly RiskPoint[] } | null;
  readonly performance: Performance | null;
  /** Of the selected portfolio's last year. */
  readonly attribution: Attribution | null;
  /** Limits, incidents, kill switch and orders of the selected portfolio. */
  readonly control: Control | null;
  /** Newest trade per instrument. */
  readonly trades: Readonly<Record<string, TapeRow>>;
  /** Where prices come from. */
  readonly sources: readonly string[];
}

export const useStore = create<State>(() => ({
  connection: 'connecting',
  problem: null,
  loaded: false,
  arrivedAtMs: null,
  dataTime: null,
  portfolios: [],
  pnl: {},
  selected: null,
  positions: {},
  risk: null,
  backtests: null,
  riskLevel: 0.99,
  riskHistory: null,
  performance: null,
  attribution: null,
  control: null,
  trades: {},
  sources: [],
}));
