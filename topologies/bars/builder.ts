import { tradeProblem } from '#schemas/checks.ts';
import type { Bar, Trade } from '#schemas/generated/types.ts';
import type { Processor, ProcessorContext, StreamRecord, WindowStore } from '#streams/topology/types.ts';
import { INTERVALS, type Interval, SHORTEST_MS } from './intervals.ts';
import { type BarRow, RunningBar } from './running-bar.ts';

/** Bars of one length. */
interface Lane extends Interval {
  readonly index: number;
  readonly lengthMicros: number;
  readonly kept: WindowStore<BarRow>;
  /** Of every instrument that has one, the bar whose interval lasts. */
  open: RunningBar[];
  /** The earliest end among those, microseconds. */
  firstEnd: number;
}

/**
 * By instrument: bars of every length. A bar is provisional while its interval lasts, and is published at most once a
 * commit. It becomes final as soon as stream time, that is any trade of the partition, reaches its end, or its
 * instrument trades in a later interval. Stream time only: a wall clock would end the bars of a replayed day at once.
 * So the last bars before a partition falls silent stay provisional until something in it trades again. A trade for a
 * bar that is over and still kept revises it and is published by itself; one for a bar that is kept no more leaves that
 * bar alone and goes to the late records.
 *
 * Open bars are mutable and in memory: a tick adds to four of them and makes nothing. What has changed is put into the
 * stores before each commit; an abort makes a new processor, which reads the open bars from the stores at its first
 * record.
 */
export class BarBuilder implements Processor<Trade | null> {
  readonly #context: ProcessorContext;
  readonly #sourceTopic: string;
  readonly #lanes: readonly Lane[];
  /**
   * Open bars to publish before the commit, in the order in which they were first changed; some may have ended since.
   */
  #pending: { readonly lane: Lane; readonly bar: RunningBar }[] = [];
  /** By instrument a bar of every length, open or not. */
  #bars: Map<string, readonly RunningBar[]> | null = null;

  constructor(context: ProcessorContext, sourceTopic: string) {
    this.#context = context;
    this.#sourceTopic = sourceTopic;
    this.#lanes = INTERVALS.map((interval, index) => ({
      ...interval,
      index,
      lengthMicros: interval.lengthMs * 1000,
      kept: context.windowStore<BarRow>(interval.store),
      open: [],
      firstEnd: Number.POSITIVE_INFINITY,
    }));
    context.schedule(SHORTEST_MS, 'event-time', (timestampMs) => this.#endAll(timestampMs * 1000));
  }

  process({ key, value: trade }: StreamRecord<Trade | null>): void {
    const known = this.#index().get(key ?? '');
    const problem = tradeProblem(key, trade, known !== undefined, this.#context.now());
    if (problem) {
      this.#context.reject(problem.code, problem.reason);
      return;
    }
    const bars = known ?? this.#list(trade!.instrument);
    let tooLate = '';
    for (const lane of this.#lanes) {
      const bar = bars[lane.index]!;
      if (bar.contains(trade!.eventTime)) this.#add(lane, bar, trade!);
      else if (!this.#addElsewhere(lane, bar, trade!)) tooLate += ` ${lane.name}`;
    }
    if (tooLate !== '') this.#context.late(`The trade came too late for its bars of:${tooLate}`);
  }

  beforeCommit(): void {
    for (const { lane, bar } of this.#pending) {
      bar.isPending = false;
      if (!bar.isOpen) continue;
      lane.kept.put(bar.instrument, bar.startTime / 1000, bar.row());
      this.#publish(lane, bar, bar.closeTime, bar.closeTime);
    }
    this.#pending = [];
  }

  #add(lane: Lane, bar: RunningBar, trade: Trade): void {
    bar.add(trade);
    if (bar.isPending) return;
    bar.isPending = true;
    this.#pending.push({ lane, bar });
  }

  /** Adds a trade to another bar than the open one; false when it came too late. */
  #addElsewhere(lane: Lane, bar: RunningBar, trade: Trade): boolean {
    const { eventTime } = trade;
    const startTime = eventTime - (eventTime % lane.lengthMicros);
    const endTime = startTime + lane.lengthMicros;
    const isOver = endTime <= this.#context.streamTimeMs * 1000 || (bar.isOpen && startTime < bar.startTime);
    if (isOver) return this.#revise(lane, startTime, endTime, trade);
    if (bar.isOpen) this.#end(lane, bar);
    else lane.open.push(bar);
    bar.begin(startTime, endTime);
    lane.firstEnd = Math.min(lane.firstEnd, endTime);
    this.#add(lane, bar, trade);
    return true;
  }

  #revise(lane: Lane, startTime: number, endTime: number, trade: Trade): boolean {
    const { instrument, eventTime } = trade;
    const before = lane.kept.get(instrument, startTime / 1000);
    const bar = new RunningBar(instrument);
    if (before) bar.load(startTime, endTime, before);
    else bar.begin(startTime, endTime);
    bar.add(trade);
    bar.final = true;
    bar.revision = before ? before.revision + 1 : 0;
    if (!lane.kept.put(instrument, startTime / 1000, bar.row())) return false;
    this.#publish(lane, bar, Math.max(endTime, this.#context.streamTimeMs * 1000), eventTime);
    return true;
  }

  /**
   * Ends every bar whose interval ends at `time` or before; of one length by instrument, so that output does not depend
   * on restarts.
   */
  #endAll(time: number): void {
    for (const lane of this.#lanes) {
      if (lane.firstEnd > time) continue;
      const over = lane.open.filter((bar) => bar.endTime <= time);
      lane.open = lane.open.filter((bar) => bar.endTime > time);
      lane.firstEnd = lane.open.reduce((first, bar) => Math.min(first, bar.endTime), Number.POSITIVE_INFINITY);
      for (const bar of over.sort((a, b) => (a.instrument < b.instrument ? -1 : 1))) this.#end(lane, bar);
    }
  }

  #end(lane: Lane, bar: RunningBar): void {
    const startMs = bar.startTime / 1000;
    bar.final = true;
    // After a long silence it is older than what is kept, and must not be found as an open one after a restart.
    if (!lane.kept.put(bar.instrument, startMs, bar.row())) lane.kept.delete(bar.instrument, startMs);
    this.#publish(lane, bar, bar.endTime, bar.closeTime);
    bar.end();
  }

  #publish(lane: Lane, bar: RunningBar, eventTime: number, sourceEventTime: number): void {
    const value: Bar = {
      eventTime,
      instrument: bar.instrument,
      interval: lane.name,
      startTime: bar.startTime,
      endTime: bar.endTime,
      open: bar.open,
      high: bar.high,
      low: bar.low,
      close: bar.close,
      volume: bar.volume === 0 ? null : bar.volume,
      trades: bar.trades,
      vwap: bar.vwap(),
      final: bar.final,
      revision: bar.revision,
      sourceTopic: this.#sourceTopic,
      sourceEventTime,
    };
    const timestampMs = Math.floor(eventTime / 1000);
    this.#context.forward('to-bars', bar.instrument, value, timestampMs);
    if (bar.final && lane.name === 'DAY') this.#context.forward('daily-returns', bar.instrument, value, timestampMs);
  }

  #list(instrument: string): readonly RunningBar[] {
    const bars = this.#lanes.map(() => new RunningBar(instrument));
    this.#index().set(instrument, bars);
    return bars;
  }

  #index(): Map<string, readonly RunningBar[]> {
    if (this.#bars) return this.#bars;
    this.#bars = new Map();
    for (const lane of this.#lanes) {
      for (const [instrument, startMs, row] of lane.kept.all()) {
        if (row.final) continue;
        const bar = (this.#bars.get(instrument) ?? this.#list(instrument))[lane.index]!;
        bar.load(startMs * 1000, startMs * 1000 + lane.lengthMicros, row);
        lane.open.push(bar);
        lane.firstEnd = Math.min(lane.firstEnd, bar.endTime);
      }
    }
    return this.#bars;
  }
}
