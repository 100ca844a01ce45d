import { avroType } from '../kit/avro.ts';
import type { StoreNode } from '../topology/types.ts';
import { TableSessionStore } from './session-store.ts';
import type { StateStore } from './store.ts';
import { Table } from './table.ts';
import { type Stamped, stampedType, TtlStore } from './ttl-store.ts';
import { TableVersionedStore, type VersionRow, versionType } from './versioned-store.ts';
import { TableWindowStore } from './window-store.ts';

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
  switch (node.kind) {
    case 'window':
      return new TableWindowStore(new Table(name, avroType(node.value), version), node.retentionMs, streamTimeMs);
    case 'session':
      return new TableSessionStore(new Table(name, avroType(node.value), version), node.retentionMs, streamTimeMs);
    case 'versioned': {
      const table = new Table<VersionRow<unknown>>(name, versionType(node.value), version);
      return new TableVersionedStore(table, node.historyMs, streamTimeMs);
    }
    default: {
      if (node.ttlMs === undefined) return new Table(name, avroType(node.value), version);
      const table = new Table<Stamped<unknown>>(name, stampedType(node.value), version);
      return new TtlStore(table, node.ttlMs, streamTimeMs);
    }
  }
}
