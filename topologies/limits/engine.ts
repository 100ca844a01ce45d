import {
  eventTimeProblem,
  fillProblem,
  keyProblem,
  type Problem,
  positionProblem,
  requestProblem,
  valueMissing,
} from '#schemas/checks.ts';
import { decimalToNumber, multiplyDecimal } from '#schemas/decimal.ts';
import type {
  Fill,
  InstrumentMark,
  OrderRequest,
  PortfolioPnl,
  Position,
  RiskControl,
  RiskLimit,
  RiskMeasures,
} from '#schemas/generated/types.ts';
import { allKey, controlProblem, limitProblem } from '#schemas/limits.ts';
import { LANES } from '#schemas/topics.ts';
import type { Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';
import { Pretrade, type PretradeSettings } from './pretrade.ts';
import { baseOf, type PortfolioState, Portfolios } from './state.ts';
import { storedMeasures, storedPnl } from './stored.ts';
import { type AuditSource, Watcher } from './watcher.ts';
import { WhatIf } from './what-if.ts';

/** How often every portfolio is looked at though nothing came of it. */
const SWEEP_MS = 5_000;

export interface EngineTopics {
  readonly limits: string;
  readonly controls: string;
  readonly marks: string;
  readonly positions: string;
  readonly pnl: string;
  readonly measures: string;
  readonly requests: string;
  readonly fills: string;
}
type Input = Fill | InstrumentMark | OrderRequest | PortfolioPnl | Position | RiskControl | RiskLimit | RiskMeasures;

/**
 * By portfolio: watches limits and decides on orders. The figures of an event time are looked at once all of them have come: at the
 * portfolio's first record of a later one, and before each commit. So no limit is broken by half of what happened at one moment. Silence is
 * looked at every 5 s by the clock, in a replay by stream time.
 */
export class Engine implements Processor<Input | null> {
  readonly #context: ProcessorContext;
  readonly #portfolios: Portfolios;
  readonly #watcher: Watcher;
  readonly #pretrade: Pretrade;
  readonly #requestsTopic: string;
  readonly #handlers: Readonly<Record<string, (record: StreamRecord<never>) => void>>;
  readonly #dirty = new Set<PortfolioState>();

  constructor(context: ProcessorContext, topics: EngineTopics, settings: PretradeSettings) {
    this.#context = context;
    this.#portfolios = new Portfolios(context);
    this.#watcher = new Watcher(context, this.#portfolios);
    const whatIf = new WhatIf(context.global('returns'), settings.window);
    this.#pretrade = new Pretrade(this.#portfolios, this.#watcher, whatIf, settings);
    this.#requestsTopic = topics.requests;
    this.#handlers = {
      [topics.limits]: (record: StreamRecord<RiskLimit | null>) => this.#limit(record),
      [topics.controls]: (record: StreamRecord<RiskControl | null>) => this.#control(record),
      [topics.marks]: (record: StreamRecord<InstrumentMark | null>) => this.#mark(record),
      [topics.positions]: (record: StreamRecord<Position | null>) => this.#position(record),
      [topics.pnl]: (record: StreamRecord<PortfolioPnl | null>) => this.#pnl(record),
      [topics.measures]: (record: StreamRecord<RiskMeasures | null>) => this.#measures(record),
      [topics.requests]: (record: StreamRecord<OrderRequest | null>) => this.#request(record),
      [topics.fills]: (record: StreamRecord<Fill | null>) => this.#fill(record),
    };
    context.schedule(SWEEP_MS, 'wall-clock', () => this.#sweep());
  }

  process(record: StreamRecord<Input | null>): void {
    this.#handlers[record.source.topic]!(record as StreamRecord<never>);
  }

  beforeCommit(): void {
    for (const state of this.#dirty) {
      this.#watcher.watch(state, true);
      this.#portfolios.keep(state);
    }
    this.#dirty.clear();
  }

  #mark({ key, value }: StreamRecord<InstrumentMark | null>): void {
    const sound = value !== null && value.price > 0 && value.price < Number.POSITIVE_INFINITY && value.eventTime >= 0;
    if (sound) this.#portfolios.setPrice(value.instrument, { eventTime: value.eventTime, price: value.price });
    else this.#context.reject('MARK_INVALID', `The mark ${JSON.stringify(key)} has no price above zero`);
  }

  #position(record: StreamRecord<Position | null>): void {
    if (this.#isRefused(positionProblem(record.key, record.value))) return;
    const position = record.value!;
    const state = this.#touch(record, position.portfolio, position.eventTime);
    this.#portfolios.setPosition(record.key!, position);
    if (position.cause === 'FILL') this.#settle(state, position);
  }

  /** Fills that are in the position now are pending no more. */
  #settle(state: PortfolioState, { instrument, sourceEventTime }: Position): void {
    for (const [orderId, order] of state.openOrders) {
      if (order.instrument !== instrument || order.settling === 0n || order.settlingTime > sourceEventTime) continue;
      this.#portfolios.setOrder(state.portfolio, orderId, { ...order, settling: 0n });
    }
  }

  #pnl(record: StreamRecord<PortfolioPnl | null>): void {
    const { key, value: pnl } = record;
    const problem = pnl === null ? valueMissing('A P&L') : keyProblem(key, 'portfolio', pnl.portfolio);
    if (this.#isRefused(problem ?? eventTimeProblem(pnl!.eventTime, this.#context.now()))) return;
    this.#touch(record, pnl!.portfolio, pnl!.eventTime).pnl = storedPnl(pnl!);
  }

  #measures(record: StreamRecord<RiskMeasures | null>): void {
    const { key, value: measures } = record;
    const problem =
      measures === null ? valueMissing('A risk measure') : keyProblem(key, 'portfolio', measures.portfolio);
    if (this.#isRefused(problem ?? eventTimeProblem(measures!.eventTime, this.#context.now()))) return;
    const { portfolio, dayEnd, eventTime, volatility } = measures!;
    const state = this.#touch(record, portfolio, eventTime);
    if (dayEnd) this.#watcher.adjust(state, volatility, this.#source(record, eventTime));
    else this.#portfolios.setMeasures(portfolio, storedMeasures(measures!));
  }

  #limit(record: StreamRecord<RiskLimit | null>): void {
    const { key, value: limit, timestampMs } = record;
    const slash = key?.indexOf('/') ?? -1;
    const noKey =
      slash < 0 ? { code: 'KEY_MISMATCH', reason: `The key ${JSON.stringify(key)} is not portfolio/limit` } : null;
    if (this.#isRefused(noKey)) return;
    if (limit && this.#isRefused(limitProblem(key, limit, this.#context.now()))) return;
    const [portfolio, limitId] = [key!.slice(0, slash), key!.slice(slash + 1)];
    const state = this.#portfolios.of(portfolio);
    const before = state.limits.get(limitId) ?? null;
    if (limit === null && before === null) return;
    const eventTime = limit?.eventTime ?? timestampMs * 1000;
    if (before && limit && JSON.stringify({ ...before, eventTime }) === JSON.stringify(limit)) return;
    const source = this.#source(record, eventTime);
    const cause = { sourceTopic: source.sourceTopic, sourceEventTime: eventTime };
    if (before && (limit === null || !isSameWatch(before, limit)))
      this.#watcher.forget(before, state, cause, Math.max(eventTime, state.eventTime));
    this.#portfolios.setLimit(portfolio, limitId, limit);
    if (limit) this.#watcher.reset(limit, before);
    const said = (one: RiskLimit | null) => (one ? JSON.stringify(one) : null);
    this.#watcher.audit(portfolio, 'LIMIT', limitId, limit ? 'SET' : 'REMOVE', said(before), said(limit), source);
    this.#makeDirty(state);
  }

  #control(record: StreamRecord<RiskControl | null>): void {
    const { key, value: control } = record;
    const problem = control === null ? valueMissing('A setting of the kill switch') : null;
    if (this.#isRefused(problem ?? controlProblem(key, control!, this.#context.now()))) return;
    const { portfolio, state, reason, setBy, eventTime } = control!;
    const before = this.#portfolios.control(portfolio);
    this.#portfolios.setControl(control!);
    // That for all comes into every partition; one of them tells.
    if (portfolio === null && key !== allKey(LANES[0])) return;
    const said = before ? JSON.stringify({ state: before.state }) : null;
    const after = JSON.stringify({ state, reason, setBy });
    this.#watcher.audit(
      portfolio ?? '*',
      'CONTROL',
      portfolio ?? '*',
      state,
      said,
      after,
      this.#source(record, eventTime),
    );
  }

  #request(record: StreamRecord<OrderRequest | null>): void {
    const { key, value: request } = record;
    if (this.#isRefused(requestProblem(key, request, this.#context.now()))) return;
    const { portfolio, orderId, instrument, strategy, eventTime } = request!;
    if (this.#portfolios.orders.get(`${portfolio}/${orderId}`)) {
      this.#context.count('duplicate-order');
      return;
    }
    const state = this.#touch(record, portfolio, eventTime, false);
    const timeMs = Math.floor(eventTime / 1000);
    this.#portfolios.activity.add(portfolio, instrument, strategy, timeMs, 1, 0);
    const decision = this.#pretrade.decide(request!, this.#requestsTopic);
    this.#makeDirty(state);
    this.#context.count(decision.decision === 'ACCEPTED' ? 'accepted' : 'rejected');
    this.#context.forward('to-decisions', portfolio, decision, timeMs);
  }

  /** Only what was executed counts for turnover; an amendment of it does not, and neither does its cancellation. */
  #fill(record: StreamRecord<Fill | null>): void {
    const { key, value: fill } = record;
    // Positions says what is wrong with it.
    if (fillProblem(key, fill, this.#context.now()) || fill!.action !== 'NEW') return;
    const { portfolio, orderId, fillId, instrument, side, quantity, price, eventTime } = fill!;
    const order = orderId === null ? undefined : this.#portfolios.orders.get(`${portfolio}/${orderId}`);
    if (order?.fillIds.includes(fillId)) return;
    const state = this.#touch(record, portfolio, eventTime);
    const described = this.#portfolios.instrument(instrument, eventTime);
    const units = described ? multiplyDecimal(quantity, described.multiplier) : quantity;
    const base = baseOf(state);
    const rate = this.#portfolios.rate(described?.currency ?? base, base);
    // Without a rate the portfolio has no equity, and nothing is accepted.
    if (rate === null) this.#context.count('fill-without-rate');
    const value = decimalToNumber(units) * decimalToNumber(price) * (rate ?? 0);
    const timeMs = Math.floor(eventTime / 1000);
    this.#portfolios.activity.add(portfolio, instrument, order?.strategy ?? '', timeMs, 0, value);
    if (!order) return;
    const filled = side === 'BUY' ? quantity : -quantity;
    const left = order.remaining - filled;
    // Never past zero: an overfill is in the position.
    const remaining = order.remaining > 0n ? max(left, 0n) : -max(-left, 0n);
    const settling = order.settling + filled;
    const fillIds = [...order.fillIds, fillId];
    const settlingTime = Math.max(order.settlingTime, eventTime);
    this.#portfolios.setOrder(state.portfolio, orderId!, { ...order, remaining, settling, settlingTime, fillIds });
  }

  /** Something came of a portfolio: what happened before its event time is complete. */
  #touch(record: StreamRecord<unknown>, portfolio: string, eventTime: number, isHeard = true): PortfolioState {
    const state = this.#portfolios.of(portfolio);
    if (state.isDirty && eventTime > state.eventTime) this.#watcher.watch(state, false);
    state.eventTime = Math.max(state.eventTime, eventTime);
    state.cause = { sourceTopic: record.source.topic, sourceEventTime: eventTime };
    if (isHeard) state.heardAtMs = this.#context.now();
    this.#makeDirty(state);
    return state;
  }

  #makeDirty(state: PortfolioState): void {
    state.isDirty = true;
    this.#dirty.add(state);
  }

  #sweep(): void {
    for (const state of this.#portfolios.all()) this.#watcher.watch(state, true);
  }

  #isRefused(problem: Problem): boolean {
    if (problem) this.#context.reject(problem.code, problem.reason);
    return problem !== null;
  }

  #source({ source }: StreamRecord<unknown>, eventTime: number): AuditSource {
    const { topic, partition, offset } = source;
    return {
      eventTime,
      sourceTopic: topic,
      sourceEventTime: eventTime,
      sourcePartition: partition,
      sourceOffset: Number(offset),
    };
  }
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** Whether an incident of the one is an incident of the other: a new threshold does not end it, another figure does. */
const isSameWatch = (a: RiskLimit, b: RiskLimit): boolean =>
  a.type === b.type && a.scope === b.scope && a.scopeId === b.scopeId && a.enabled === b.enabled;
