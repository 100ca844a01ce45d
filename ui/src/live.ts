import type { Client } from 'graphql-ws';
import {
  BACKTESTS,
  type Backtests,
  connect,
  follow,
  HISTORY,
  type HistoryPoint,
  mutate,
  PERFORMANCE,
  type Performance,
  PNL,
  type Pnl,
  PORTFOLIOS,
  POSITIONS,
  type Portfolio,
  type Position,
  query,
  RISK,
  RISK_HISTORY,
  type Risk,
  type RiskPoint,
  TRADES,
  type Trade,
} from './api.ts';
import { ATTRIBUTION, type Attribution, yearBefore } from './attribution-api.ts';
import { CONTROL, type Control } from './limits-api.ts';
import { startBooks } from './order-book-live.ts';
import { type Change, type Point, Series } from './series.ts';
import { type State, type TapeRow, useStore } from './store.ts';

/** How often history fills in what live values left out: intermediate days, and what came while the connection was down. */
const REFILL_INTERVAL_MS = 1_000;
/** Performance, attribution and the history of risk go over all days of a portfolio: asked for no more often. */
const ALL_DAYS_INTERVAL_MS = 15_000;
/** Instruments of which the newest trade is kept. */
const MAX_INSTRUMENTS = 200;
/** A hidden page gets no animation frames; its buffers are emptied this often. */
const HIDDEN_FLUSH_MS = 1_000;

/** Told of each change of a portfolio's curve, once a frame. */
export type SeriesListener = (portfolioId: string, series: Series, change: Change) => void;

/** Where a rate is missing there is no point: the line goes on when it is there. */
const isKnown = (value: Pnl): value is Pnl & HistoryPoint => value.equity !== null && value.drawdown !== null;

const pointOf = ({ eventTime, equity, drawdown }: HistoryPoint): Point => ({
  time: Math.floor(Date.parse(eventTime) / 1000),
  equity,
  drawdown,
});

/**
 * The live side of the page. Values wait in buffers bounded by the number of keys and reach the screen once a frame, however
 * many come; curves are kept outside the store, because the chart takes single points.
 */
class Live {
  readonly series = new Map<string, Series>();
  readonly #listeners = new Set<SeriesListener>();
  readonly #pnl = new Map<string, Pnl[]>();
  readonly #positions = new Map<string, Position>();
  readonly #trades = new Map<string, Trade>();
  #risk: Risk | null = null;
  /** Portfolio and newest day of history whose backtests were asked for. */
  #backtestsOf = '';
  /** Portfolio and day whose performance was asked for, and when. */
  #performanceOf = '';
  #performanceAtMs = 0;
  /** Portfolio and event time whose attribution was asked for, and when. */
  #attributionOf = '';
  #attributionAtMs = 0;
  /** Portfolio and level, and newest day, whose history of risk was asked for, and when. */
  #riskHistoryOf = '';
  #riskHistoryTo: string | null = null;
  #riskHistoryAtMs = 0;
  /** Per portfolio, the event time up to which history has been read. */
  readonly #filledTo = new Map<string, string>();
  readonly #filling = new Set<string>();
  #client: Client | undefined;
  #arrivedAtMs: number | null = null;
  #flushing = false;
  #stopPositions: () => void = () => {};
  #stopRisk: () => void = () => {};

  start(): void {
    if (this.#client) return;
    const client = connect({
      connecting: () => {
        if (useStore.getState().connection !== 'down') useStore.setState({ connection: 'connecting' });
      },
      connected: () => {
        useStore.setState({ connection: 'live' });
        void this.#loadPortfolios();
      },
      closed: () => useStore.setState({ connection: 'down' }),
    });
    this.#client = client;
    const problem = (message: string | null) => {
      if (useStore.getState().problem !== message) useStore.setState({ problem: message });
    };
    follow<Pnl>(client, PNL, {}, (value) => this.#takePnl(value), problem);
    follow<Trade>(
      client,
      TRADES,
      {},
      (value) => this.#arrived(() => this.#trades.set(value.instrument, value)),
      problem,
    );
    startBooks(client);
    setInterval(() => {
      this.#refillAll();
      void this.#loadBacktests();
      void this.#loadPerformance();
      void this.#loadAttribution();
      void this.#loadRiskHistory();
      void this.#loadControl();
    }, REFILL_INTERVAL_MS);
  }

  /** Asks for what a panel alone shows. Rejects with what the server says is wrong, or while there is no connection. */
  ask<T>(text: string, variables: Record<string, unknown> = {}): Promise<T> {
    if (!this.#client) return Promise.reject(new Error('There is no connection yet'));
    return query<T>(this.#client, text, variables);
  }

  /** Follows a subscription that a panel alone shows, until the returned function is called. */
  follow<T>(text: string, variables: Record<string, unknown>, take: (value: T) => void): () => void {
    if (!this.#client) return () => {};
    return follow<T>(this.#client, text, variables, take, () => {});
  }

  /** Shows the positions of a portfolio. */
  select(portfolioId: string): void {
    if (!this.#client || useStore.getState().selected === portfolioId) return;
    this.#stopPositions();
    this.#stopRisk();
    this.#positions.clear();
    this.#risk = null;
    this.#backtestsOf = '';
    this.#performanceOf = '';
    this.#performanceAtMs = 0;
    this.#attributionOf = '';
    this.#attributionAtMs = 0;
    this.#riskHistoryOf = '';
    useStore.setState({
      selected: portfolioId,
      positions: {},
      risk: null,
      backtests: null,
      riskHistory: null,
      performance: null,
      attribution: null,
      control: null,
    });
    void this.#loadControl();
    this.#stopPositions = follow<Position>(
      this.#client,
      POSITIONS,
      { id: portfolioId },
      (value) => this.#arrived(() => this.#positions.set(value.instrument, value)),
      () => {},
    );
    this.#stopRisk = follow<Risk>(
      this.#client,
      RISK,
      { id: portfolioId },
      (value) =>
        this.#arrived(() => {
          this.#risk = value;
        }),
      () => {},
    );
  }

  /** Runs a mutation, and shows what it changed. Rejects with what the server says is wrong. */
  async command(mutation: string, variables: Record<string, unknown>): Promise<void> {
    await mutate(mutation, variables);
    await this.#loadControl();
  }

  listen(listener: SeriesListener): () => void {
    this.#listeners.add(listener);
    for (const [id, series] of this.series) listener(id, series, 'all');
    return () => this.#listeners.delete(listener);
  }

  #takePnl(value: Pnl): void {
    this.#arrived(() => {
      const waiting = this.#pnl.get(value.portfolioId);
      // While no frame comes the newest alone is enough: history fills in the rest.
      if (waiting && waiting.length < 100) waiting.push(value);
      else this.#pnl.set(value.portfolioId, [value]);
    });
  }

  #arrived(take: () => void): void {
    take();
    this.#arrivedAtMs = Date.now();
    if (this.#flushing) return;
    this.#flushing = true;
    if (document.hidden) setTimeout(() => this.#flush(), HIDDEN_FLUSH_MS);
    else requestAnimationFrame(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    const state = useStore.getState();
    const next: { -readonly [K in keyof State]?: State[K] } = { arrivedAtMs: this.#arrivedAtMs };
    let dataTime = state.dataTime ?? '';
    if (this.#pnl.size > 0) {
      const pnl = { ...state.pnl };
      for (const [id, values] of this.#pnl) {
        const newest = values.at(-1)!;
        pnl[id] = newest;
        if (newest.eventTime > dataTime) dataTime = newest.eventTime;
        this.#append(id, values);
      }
      next.pnl = pnl;
      this.#pnl.clear();
      if (Object.keys(pnl).some((id) => !state.portfolios.some((portfolio) => portfolio.id === id)))
        void this.#loadPortfolios();
    }
    if (this.#positions.size > 0) {
      next.positions = { ...state.positions, ...Object.fromEntries(this.#positions) };
      this.#positions.clear();
    }
    if (this.#risk !== null) {
      next.risk = this.#risk;
      this.#risk = null;
    }
    if (this.#trades.size > 0) {
      for (const { eventTime } of this.#trades.values()) if (eventTime > dataTime) dataTime = eventTime;
      Object.assign(next, mergeTrades(state, this.#trades));
      this.#trades.clear();
    }
    if (dataTime !== '') next.dataTime = dataTime;
    useStore.setState(next);
  }

  #append(id: string, values: readonly Pnl[]): void {
    const series = this.#seriesOf(id);
    const changes = values
      .filter(isKnown)
      .map((value) => series.append(pointOf(value)))
      .filter((change) => change !== 'none');
    // The chart's quick way takes one point; several at once are drawn anew.
    this.#tell(id, series, changes.length > 1 ? 'all' : (changes[0] ?? 'none'));
  }

  #seriesOf(id: string): Series {
    let series = this.series.get(id);
    if (!series) {
      series = new Series();
      this.series.set(id, series);
    }
    return series;
  }

  #tell(id: string, series: Series, change: Change): void {
    if (change !== 'none') for (const listener of this.#listeners) listener(id, series, change);
  }

  async #loadPortfolios(): Promise<void> {
    if (!this.#client || this.#filling.has('')) return;
    this.#filling.add('');
    try {
      const { portfolios } = await query<{ portfolios: Portfolio[] }>(this.#client, PORTFOLIOS);
      useStore.setState({ portfolios, loaded: true });
      const { selected } = useStore.getState();
      if (selected === null && portfolios[0]) this.select(portfolios[0].id);
      for (const { id } of portfolios) void this.#refill(id);
    } catch (error) {
      useStore.setState({ problem: error instanceof Error ? error.message : String(error) });
      setTimeout(() => void this.#loadPortfolios(), REFILL_INTERVAL_MS);
    } finally {
      this.#filling.delete('');
    }
  }

  /** Asks how forecasts have done when the history has a new day. A failure is tried again. */
  async #loadBacktests(): Promise<void> {
    const { connection, risk } = useStore.getState();
    if (connection !== 'live' || !this.#client || !risk) return;
    const wanted = `${risk.portfolioId}/${risk.historyDate}`;
    if (wanted === this.#backtestsOf) return;
    this.#backtestsOf = wanted;
    try {
      const id = risk.portfolioId;
      const { riskBacktests } = await query<{ riskBacktests: Backtests[] }>(this.#client, BACKTESTS, { id });
      if (useStore.getState().selected === id) useStore.setState({ backtests: riskBacktests[0] ?? null });
    } catch {
      this.#backtestsOf = '';
    }
  }

  /** At once for another portfolio or level, now and then as days go by. A failure is tried again at the next time. */
  async #loadRiskHistory(): Promise<void> {
    const { connection, risk, riskLevel: level } = useStore.getState();
    if (connection !== 'live' || !this.#client || !risk) return;
    const id = risk.portfolioId;
    const wanted = `${id}/${level}`;
    const isRecent = Date.now() - this.#riskHistoryAtMs < ALL_DAYS_INTERVAL_MS;
    if (wanted === this.#riskHistoryOf && (isRecent || risk.historyDate === this.#riskHistoryTo)) return;
    this.#riskHistoryOf = wanted;
    this.#riskHistoryTo = risk.historyDate;
    this.#riskHistoryAtMs = Date.now();
    try {
      const { riskHistory } = await query<{ riskHistory: RiskPoint[] }>(this.#client, RISK_HISTORY, { id, level });
      if (useStore.getState().selected === id) useStore.setState({ riskHistory: { level, points: riskHistory } });
    } catch {
      this.#riskHistoryOf = '';
    }
  }

  /** A failure is tried again at the next time. */
  async #loadPerformance(): Promise<void> {
    const { connection, selected, pnl } = useStore.getState();
    const value = selected === null ? undefined : pnl[selected];
    if (connection !== 'live' || !this.#client || !value) return;
    const id = value.portfolioId;
    const wanted = `${id}/${value.eventTime.slice(0, 10)}`;
    if (wanted === this.#performanceOf || Date.now() - this.#performanceAtMs < ALL_DAYS_INTERVAL_MS) return;
    this.#performanceOf = wanted;
    this.#performanceAtMs = Date.now();
    try {
      const { performance } = await query<{ performance: Performance }>(this.#client, PERFORMANCE, { id });
      if (useStore.getState().selected === id) useStore.setState({ performance });
    } catch {
      this.#performanceOf = '';
    }
  }

  /** Of the last year. A failure is tried again at the next time. */
  async #loadAttribution(): Promise<void> {
    const { connection, selected, pnl } = useStore.getState();
    const value = selected === null ? undefined : pnl[selected];
    if (connection !== 'live' || !this.#client || !value) return;
    const { portfolioId: id, eventTime } = value;
    const wanted = `${id}/${eventTime}`;
    if (wanted === this.#attributionOf || Date.now() - this.#attributionAtMs < ALL_DAYS_INTERVAL_MS) return;
    this.#attributionOf = wanted;
    this.#attributionAtMs = Date.now();
    try {
      const attribution = await query<Attribution>(this.#client, ATTRIBUTION, { id, from: yearBefore(eventTime) });
      if (useStore.getState().selected === id) useStore.setState({ attribution });
    } catch {
      this.#attributionOf = '';
    }
  }

  /** A failure is tried again at the next time. */
  async #loadControl(): Promise<void> {
    const { connection, selected: id } = useStore.getState();
    if (connection !== 'live' || !this.#client || id === null) return;
    try {
      const control = await query<Control>(this.#client, CONTROL, { id });
      if (useStore.getState().selected === id) useStore.setState({ control });
    } catch {
      // The connection's state and the server's own errors are shown where they arise.
    }
  }

  #refillAll(): void {
    const { connection, portfolios, pnl } = useStore.getState();
    if (connection !== 'live') return;
    for (const { id } of portfolios) {
      const newest = pnl[id]?.eventTime;
      if (newest !== undefined && newest !== this.#filledTo.get(id)) void this.#refill(id);
    }
  }

  /** Reads the history that came since the last reading. A failure shows in the chart's gaps and is tried again. */
  async #refill(id: string): Promise<void> {
    if (!this.#client || this.#filling.has(id)) return;
    this.#filling.add(id);
    try {
      const from = this.#filledTo.get(id) ?? null;
      const { pnlHistory } = await query<{ pnlHistory: HistoryPoint[] }>(this.#client, HISTORY, { id, from });
      const newest = pnlHistory.at(-1)?.eventTime;
      if (newest !== undefined) this.#filledTo.set(id, newest);
      if (newest === from) return;
      const series = this.#seriesOf(id);
      this.#tell(id, series, series.merge(pnlHistory.map(pointOf)));
    } catch {
      // The connection's state and the server's own errors are shown where they arise.
    } finally {
      this.#filling.delete(id);
    }
  }
}

function mergeTrades(state: State, arrived: ReadonlyMap<string, Trade>): Pick<State, 'trades' | 'sources'> {
  const trades: Record<string, TapeRow> = { ...state.trades };
  const sources = new Set(state.sources);
  for (const [instrument, trade] of arrived) {
    trades[instrument] = { ...trade, previousPrice: trades[instrument]?.price ?? null };
    sources.add(trade.source.split(':')[0] ?? trade.source);
  }
  const names = Object.keys(trades);
  if (names.length > MAX_INSTRUMENTS) {
    const oldest = names.sort((a, b) => (trades[a]!.eventTime < trades[b]!.eventTime ? -1 : 1));
    for (const name of oldest.slice(0, names.length - MAX_INSTRUMENTS)) delete trades[name];
  }
  return { trades, sources: sources.size === state.sources.length ? state.sources : [...sources].sort() };
}

export const live = new Live();
