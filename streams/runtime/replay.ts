import { TidemarkError } from '../kit/errors.ts';
import type { CompiledTopology } from '../topology/topology.ts';

/**
 * The same topics give byte-identical outputs, whatever the fetches, the batches and the crashes on the way: one thread merges all
 * partitions by (timestamp, topic, partition, offset), sub-topologies run one after the other, so that a repartition topic is whole
 * before it is read, transactions are cut by input count, and processors' clock is stream time. The inputs must not grow meanwhile.
 */
export interface ReplayOptions {
  /** Input records per transaction; conflated outputs come at these cuts. */
  readonly cutEveryRecords: number;
  /** Cuts also before event time goes into its next multiple, milliseconds: what is conflated is then as of the end of each. Default: never. */
  readonly cutEveryMs?: number;
  /**
   * By topic and partition the offset before which a replay ends; what comes later is not read, nor into global tables, so that topics may
   * grow meanwhile. Of topics that are not in it, all that is there. Committed ends: one within an open transaction is waited for.
   */
  readonly ends?: ReadonlyMap<string, readonly number[]>;
  /** Which records of outside topics are processed; the others are passed over. Default: all. */
  readonly keeps?: (topic: string, timestampMs: number) => boolean;
}
/** How far a replay is, in offsets of the outside topics that have `ends`; transaction markers count too. */
export interface ReplayProgress {
  readonly done: number;
  readonly total: number;
}

/** Tells where event time goes into the next interval, before which a transaction has to be cut. */
export class Intervals {
  readonly #lengthMs: number | null;
  #endMs: number | null = null;
  /** True when the next record is for after the cut. */
  isOver = false;

  /** Null: it never goes into another one. */
  constructor(lengthMs: number | null) {
    this.#lengthMs = lengthMs;
  }

  /** Until when records belong to the interval that is open; a late one never opens one of the past. `firstMs` opens the first after a cut. */
  endMs(firstMs: number, streamTimeMs: () => number): number {
    if (this.#lengthMs === null) return Number.POSITIVE_INFINITY;
    this.#endMs ??= (Math.floor(Math.max(firstMs, streamTimeMs()) / this.#lengthMs) + 1) * this.#lengthMs;
    return this.#endMs;
  }
  /** The transaction was cut or undone. */
  close(): void {
    this.#endMs = null;
    this.isOver = false;
  }
}

/** By sub-topology id: 0 for those that read only outside topics, else one more than the last that writes what it reads. */
export function replayStages({ name, subTopologies }: CompiledTopology): number[] {
  const stages = subTopologies.map(() => 0);
  for (let round = 0; round <= subTopologies.length; round++) {
    let moved = false;
    for (const writer of subTopologies) {
      for (const reader of subTopologies) {
        const feeds = reader.sources.some(({ topic }) => writer.outputs.some((output) => output.topic === topic));
        if (!feeds || stages[reader.id]! > stages[writer.id]!) continue;
        stages[reader.id] = stages[writer.id]! + 1;
        moved = true;
      }
    }
    if (!moved) return stages;
  }
  throw new TidemarkError(
    'REPLAY_IMPOSSIBLE',
    `Topology ${name} feeds itself: there is no order in which to replay it`,
  );
}
