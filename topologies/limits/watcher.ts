import type { AuditEntry, LimitUtilisation, RiskBreach, RiskLimit } from '#schemas/generated/types.ts';
import { LIMIT_TYPES, type LimitTypeName } from '#schemas/limits.ts';
import type { KeyValueStore, ProcessorContext } from '#streams/topology/types.ts';
import { figureOf, type View } from './figures.ts';
import { newStatus, type Reading, readingOf, STATES, step } from './incident.ts';
import type { Cause, PortfolioState, Portfolios } from './state.ts';
import type { StoredStatus } from './stored.ts';

/** Parts of a figure that a breach shows: the largest. */
const EVIDENCE_PARTS = 5;
/** An adjusted threshold moves in steps of a hundredth, so that the audit trail tells changes and no trembling. */
const ADJUSTMENT_STEP = 0.01;

/** Takes the figures of a portfolio's limits, and tells where they stand and what their incidents are. */
export class Watcher {
  readonly #context: ProcessorContext;
  readonly #portfolios: Portfolios;
  /** What was told of each limit last; key portfolio/limitId. */
  readonly #told: KeyValueStore<LimitUtilisation>;

  constructor(context: ProcessorContext, portfolios: Portfolios) {
    this.#context = context;
    this.#portfolios = portfolios;
    this.#told = context.store('told');
  }

  view(state: PortfolioState): View {
    const timeMs = Math.floor(state.eventTime / 1000);
    const { activity } = this.#portfolios;
    return {
      book: this.#portfolios.book(state),
      pnl: state.pnl,
      measures: state.measures,
      orders: (limit) => activity.within(limit, timeMs, 'orders'),
      traded: (limit) => activity.within(limit, timeMs, 'traded'),
      // Nothing is asked for now.
      orderSize: 0,
      staleMs: this.#staleMs(state),
    };
  }

  status(limit: RiskLimit, time: number): StoredStatus {
    return this.#portfolios.statuses.get(keyOf(limit)) ?? newStatus(limit, time);
  }

  /**
   * Takes every figure as it is now, and tells of incidents; before a commit also what each limit stands at, where that has changed. A
   * portfolio of which nothing is known yet has no figures.
   */
  watch(state: PortfolioState, isCommit: boolean): void {
    state.isDirty = false;
    if (!state.pnl || state.limits.size === 0) return;
    const view = this.view(state);
    const cause = state.cause ?? { sourceTopic: '', sourceEventTime: state.eventTime };
    for (const limit of state.limits.values()) {
      if (!limit.enabled || isPerOrder(limit)) continue;
      const before = this.status(limit, state.eventTime);
      const reading = readingOf(limit, before.adjusted, figureOf(limit, view), state.pnl);
      const { status, event, openedAt } = step(before, reading, limit.warnAt, state.eventTime);
      if (status !== before) this.#portfolios.statuses.put(keyOf(limit), status);
      if (event) this.#breach(limit, state, reading, event, status, openedAt, state.eventTime, cause);
      if (isCommit) this.#tell(limit, reading, status, state.eventTime, cause);
    }
  }

  #tell(limit: RiskLimit, reading: Reading, status: StoredStatus, eventTime: number, cause: Cause): void {
    const key = keyOf(limit);
    const told = this.#told.get(key);
    const value = utilisationOf(limit, reading, status, eventTime, cause);
    if (told && isSame(told, value)) return;
    this.#told.put(key, value);
    this.#context.forward('to-utilisation', key, value, Math.floor(eventTime / 1000));
  }

  /** A limit was taken away, changed its type or is not watched any more: its incident ends. */
  forget(limit: RiskLimit, state: PortfolioState, cause: Cause, time: number): void {
    const key = keyOf(limit);
    const before = this.#portfolios.statuses.get(key);
    this.#told.delete(key);
    this.#context.forward('to-utilisation', key, null, Math.floor(time / 1000));
    if (!before) return;
    // The count of incidents stays, so that ids are never used twice.
    this.#portfolios.statuses.put(key, { ...newStatus(limit, time), incidents: before.incidents });
    if (before.openedAt === null) return;
    const reading = {
      value: null,
      subject: null,
      reason: 'the limit was changed or taken away',
      threshold: null,
      baseThreshold: null,
      utilisation: null,
    };
    this.#breach(limit, state, reading, 'CLOSED', { ...before, level: 'NONE' }, before.openedAt, time, cause);
  }

  /** A limit was set: its threshold is what it was set to, until volatility says otherwise. */
  reset(limit: RiskLimit, before: RiskLimit | null): void {
    const status = this.#portfolios.statuses.get(keyOf(limit));
    const rule = ({ threshold, adjustment, reference, minimum, maximum }: RiskLimit) =>
      JSON.stringify([threshold, adjustment, reference, minimum, maximum]);
    if (!status || (before && rule(before) === rule(limit))) return;
    this.#portfolios.statuses.put(keyOf(limit), { ...status, adjusted: limit.threshold });
  }

  /** Fits the thresholds that follow volatility, and tells the audit trail where one moves. */
  adjust(state: PortfolioState, volatility: number | null, source: AuditSource): void {
    if (volatility === null || !(volatility > 0)) return;
    for (const limit of state.limits.values()) {
      const { adjustment, threshold, reference, minimum, maximum } = limit;
      if (adjustment === 'NONE' || !limit.enabled) continue;
      const status = this.status(limit, state.eventTime);
      const wanted = Math.min(maximum!, Math.max(minimum!, (threshold * reference!) / volatility));
      const isBound = wanted === minimum || wanted === maximum;
      const change = Math.abs(wanted - status.adjusted);
      if (change === 0 || (change < ADJUSTMENT_STEP * status.adjusted && !isBound)) continue;
      this.#portfolios.statuses.put(keyOf(limit), { ...status, adjusted: wanted });
      const before = JSON.stringify({ threshold: status.adjusted });
      const after = JSON.stringify({ threshold: wanted, volatility, reference, minimum, maximum });
      this.audit(limit.portfolio, 'LIMIT', limit.limitId, 'ADJUST', before, after, source);
    }
  }

  audit(
    portfolio: string,
    subject: AuditEntry['subject'],
    subjectId: string,
    action: string,
    before: string | null,
    after: string | null,
    { eventTime, ...source }: AuditSource,
  ): void {
    const entry: AuditEntry = {
      eventTime,
      portfolio,
      instrument: null,
      subject,
      subjectId,
      action,
      before,
      after,
      effect: null,
      ...source,
    };
    this.#context.forward('to-audit', portfolio, entry, Math.floor(eventTime / 1000));
  }

  #breach(
    limit: RiskLimit,
    state: PortfolioState,
    { value, subject, reason, threshold, utilisation }: Reading,
    event: RiskBreach['event'],
    { level, incidents }: StoredStatus,
    openedAt: number,
    eventTime: number,
    cause: Cause,
  ): void {
    const { portfolio, limitId, type, severity, scope, scopeId } = limit;
    const breach: RiskBreach = {
      eventTime,
      portfolio,
      breachId: `${portfolio}/${limitId}/${incidents}`,
      limitId,
      type,
      severity,
      scope,
      scopeId,
      subject,
      event,
      level,
      value,
      threshold,
      utilisation,
      reason,
      openedAt,
      evidence: this.#evidence(limit, state),
      ...cause,
    };
    this.#context.forward('to-breaches', portfolio, breach, Math.floor(eventTime / 1000));
  }

  /** The portfolio's figures, and the largest parts: of risk what each position adds to VaR, else market values. */
  #evidence({ type }: RiskLimit, state: PortfolioState): RiskBreach['evidence'] {
    const book = this.#portfolios.book(state);
    const isTail = type === 'value-at-risk' || type === 'expected-shortfall';
    const parts = isTail
      ? (state.measures?.parts ?? []).map(({ instrument, componentVar }) => ({
          name: `component VaR of ${instrument}`,
          value: componentVar,
        }))
      : book.holdings.map(({ instrument, exposure }) => ({ name: `exposure to ${instrument}`, value: exposure }));
    const size = (value: number | null) => (value === null ? Number.POSITIVE_INFINITY : Math.abs(value));
    parts.sort((a, b) => size(b.value) - size(a.value) || (a.name < b.name ? -1 : 1));
    return [
      { name: 'equity', value: state.pnl?.equity ?? null },
      { name: 'gross exposure', value: book.gross().value },
      { name: 'net exposure', value: book.net().value },
      { name: 'day P&L', value: state.pnl?.dayPnl ?? null },
      ...parts.slice(0, EVIDENCE_PARTS),
    ];
  }

  /** The oldest of: its marks and its risk against the newest event time, the last word on it against the clock. */
  #staleMs(state: PortfolioState): number {
    if (state.positions.size === 0) return 0;
    let oldest = Number.POSITIVE_INFINITY;
    for (const { markTime } of state.positions.values()) oldest = Math.min(oldest, markTime ?? 0);
    const newest = Math.max(state.eventTime / 1000, this.#context.streamTimeMs);
    if (state.measures) oldest = Math.min(oldest, state.measures.eventTime);
    return Math.max(0, newest - oldest / 1000, this.#context.now() - state.heardAtMs);
  }
}

/** Where an entry of the audit trail comes from. */
export type AuditSource = Pick<
  AuditEntry,
  'eventTime' | 'sourceTopic' | 'sourceEventTime' | 'sourcePartition' | 'sourceOffset'
>;

const isPerOrder = ({ type }: RiskLimit) => 'isPerOrder' in LIMIT_TYPES[type as LimitTypeName];
const keyOf = ({ portfolio, limitId }: RiskLimit) => `${portfolio}/${limitId}`;

function utilisationOf(
  { portfolio, limitId, type, severity, scope, scopeId }: RiskLimit,
  reading: Reading,
  { level, since }: StoredStatus,
  eventTime: number,
  cause: Cause,
): LimitUtilisation {
  return {
    eventTime,
    portfolio,
    limitId,
    type,
    severity,
    scope,
    scopeId,
    subject: reading.subject,
    value: reading.value,
    threshold: reading.threshold,
    baseThreshold: reading.baseThreshold,
    utilisation: reading.utilisation,
    state: STATES[level],
    reason: reading.reason,
    since,
    ...cause,
  };
}

/** But for its time and cause. */
const isSame = (a: LimitUtilisation, b: LimitUtilisation): boolean =>
  a.value === b.value &&
  a.threshold === b.threshold &&
  a.baseThreshold === b.baseThreshold &&
  a.subject === b.subject &&
  a.state === b.state &&
  a.severity === b.severity &&
  a.reason === b.reason &&
  a.since === b.since;
