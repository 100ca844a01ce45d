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
