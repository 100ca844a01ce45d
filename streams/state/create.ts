import { avroType } from '../kit/avro.ts';
import type { StoreNode } from '../topology/types.ts';
import type { StateStore } from './store.ts';
import { Table } from './table.ts';

/** An empty store of the declared kind; `version` is the topology's. */
export function createStore(name: string, node: StoreNode, version: number): StateStore {
  const type = avroType(node.value);
  return new Table(name, type, version);
}
