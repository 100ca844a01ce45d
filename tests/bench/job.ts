import type { AvroSchema } from '#streams/kit/avro.ts';
import type { ProcessorContext, StreamRecord, TopologyDefinition } from '#streams/topology/types.ts';

const micros = { type: 'long', logicalType: 'timestamp-micros' } as const;

/** A trade as the benchmarks write it; the key is the instrument. */
export interface BenchTrade {
  readonly eventTime: number;
  readonly price: number;
  /** Negative for a sale. */
  readonly quantity: number;
}
export const TRADE: AvroSchema = {
  type: 'record',
  name: 'BenchTrade',
  fields: [
    { name: 'eventTime', type: micros },
    { name: 'price', type: 'double' },
    { name: 'quantity', type: 'double' },
  ],
};

/** What is kept per key. */
export interface BenchPosition {
  readonly eventTime: number;
  readonly quantity: number;
  readonly cost: number;
  readonly lastPrice: number;
}
export const POSITION: AvroSchema = {
  type: 'record',
  name: 'BenchPosition',
  fields: [
    { name: 'eventTime', type: micros },
    { name: 'quantity', type: 'double' },
    { name: 'cost', type: 'double' },
    { name: 'lastPrice', type: 'double' },
  ],
};

/** What is written per key. */
export interface BenchPnl {
  readonly eventTime: number;
  readonly quantity: number;
  readonly cost: number;
  readonly pnl: number;
}
export const PNL: AvroSchema = {
  type: 'record',
  name: 'BenchPnl',
  fields: [
    { name: 'eventTime', type: micros },
    { name: 'quantity', type: 'double' },
    { name: 'cost', type: 'double' },
    { name: 'pnl', type: 'double' },
  ],
};

export const EMPTY: BenchPosition = { eventTime: 0, quantity: 0, cost: 0, lastPrice: 0 };

/** The arithmetic of Position.java in `peers/`, operation by operation: doubles are equal to the last bit. */
export const after = (old: BenchPosition, trade: BenchTrade): BenchPosition => ({
  eventTime: trade.eventTime,
  quantity: old.quantity + trade.quantity,
  cost: old.cost + trade.quantity * trade.price,
  lastPrice: trade.price,
});
export const pnlOf = (position: BenchPosition): BenchPnl => ({
  eventTime: position.eventTime,
  quantity: position.quantity,
  cost: position.cost,
  pnl: position.quantity * position.lastPrice - position.cost,
});

/** When outputs are written: for every input, or the newest per key at a commit. */
export const OutputMode = { 'one-per-input': 'one-per-input', conflated: 'conflated' } as const;
export type OutputMode = keyof typeof OutputMode;

export interface JobOptions {
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly mode: OutputMode;
  /** Called with every record. */
  readonly onRecord?: () => void;
}

/** Position and P&L per key. */
export function positionsJob({ name, input, output, mode, onRecord = () => {} }: JobOptions): TopologyDefinition {
  return {
    name,
    version: 1,
    sources: { trades: { topic: input, value: TRADE } },
    processors: {
      positions: {
        inputs: ['trades'],
        stores: ['state'],
        create: (context) => (mode === 'conflated' ? conflated(context, onRecord) : onePerInput(context, onRecord)),
      },
    },
    stores: { state: { value: POSITION } },
    sinks: { pnl: { inputs: ['positions'], topic: output, value: PNL } },
  };
}

function onePerInput(context: ProcessorContext, onRecord: () => void) {
  const state = context.store<BenchPosition>('state');
  return {
    process: ({ key, value, timestampMs }: StreamRecord<BenchTrade>) => {
      onRecord();
      const position = after(state.get(key!) ?? EMPTY, value);
      state.put(key!, position);
      context.forward('pnl', key, pnlOf(position), timestampMs);
    },
  };
}

function conflated(context: ProcessorContext, onRecord: () => void) {
  const state = context.store<BenchPosition>('state');
  const changed = new Map<string, number>();
  return {
    process: ({ key, value, timestampMs }: StreamRecord<BenchTrade>) => {
      onRecord();
      state.put(key!, after(state.get(key!) ?? EMPTY, value));
      changed.set(key!, timestampMs);
    },
    beforeCommit: () => {
      for (const [key, timestampMs] of changed) context.forward('pnl', key, pnlOf(state.get(key)!), timestampMs);
      changed.clear();
    },
  };
}
