import { avroType } from '../kit/avro.ts';
import type { StoreNode } from '../topology/types.ts';
import type { StateStore } from './store.ts';
import { Table } from './table.ts';
import { type Stamped, stampedType, TtlStore } from './ttl-store.ts';

export interface StoreOptions {
  readonly name: string;
  readonly node: StoreNode;
  /** The topology's version. */
  readonly version: number;
  /** Stream time of the store's task, milliseconds. */
  readonly streamTimeMs: () => number;
}

/** An empty store of the declared kind. */
export function createStore({ name, node, version, streamTimeMs }: StoreOptions): StateStore {
  if ('ttlMs' in node && node.ttlMs !== undefined)
    return new TtlStore(new Table<Stamped<unknown>>(name, stampedType(node.value), version), node.ttlMs, streamTimeMs);
  return new Table(name, avroType(node.value), version);
}
