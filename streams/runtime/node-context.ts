import { closest } from '../kit/config.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { StateStore } from '../state/store.ts';
import type { CompiledProcessor } from '../topology/topology.ts';
import type {
  GlobalTable,
  KeyValueStore,
  ProcessorContext,
  PunctuationType,
  Punctuator,
  RecordHeader,
  SessionStore,
  StoreKind,
  StreamRecord,
  VersionedStore,
  WindowStore,
} from '../topology/types.ts';
import type { Punctuation } from './punctuation.ts';
import { NO_HEADERS, type Task } from './task.ts';

/** A node that another one forwards to. */
export interface Child {
  readonly name: string;
  readonly accept: (record: StreamRecord) => void;
}
export interface NodeContextOptions {
  readonly task: Task;
  readonly node: CompiledProcessor;
  readonly children: readonly Child[];
  readonly punctuation: Punctuation;
  /** Told the node's name before its punctuators run. */
  readonly enter: (node: string) => void;
  readonly now: () => number;
  readonly globals: ReadonlyMap<string, GlobalTable>;
  readonly count: (event: string) => void;
}

/** What one processor of one task sees of the world. */
export class NodeContext implements ProcessorContext {
  readonly #options: NodeContextOptions;
  readonly #task: Task;
  readonly #children: readonly Child[];
  readonly taskId: string;
  readonly partition: number;

  constructor(options: NodeContextOptions) {
    this.#options = options;
    this.#task = options.task;
    this.#children = options.children;
    this.taskId = options.task.id;
    this.partition = options.task.partition;
  }

  get streamTimeMs(): number {
    return this.#task.streamTimeMs;
  }
  now(): number {
    return this.#options.now();
  }
  store<V>(name: string): KeyValueStore<V> {
    return this.#store(name, 'key-value') as unknown as KeyValueStore<V>;
  }
  windowStore<V>(name: string): WindowStore<V> {
    return this.#store(name, 'window') as unknown as WindowStore<V>;
  }
  sessionStore<V>(name: string): SessionStore<V> {
    return this.#store(name, 'session') as unknown as SessionStore<V>;
  }
  versionedStore<V>(name: string): VersionedStore<V> {
    return this.#store(name, 'versioned') as unknown as VersionedStore<V>;
  }
  global<V>(name: string): GlobalTable<V> {
    const { node, globals } = this.#options;
    const table = node.globals?.includes(name) ? globals.get(name) : undefined;
    if (!table)
      throw new TidemarkError('GLOBAL_UNKNOWN', `Processor ${node.name} did not declare global table "${name}"`);
    return table as GlobalTable<V>;
  }
  schedule(intervalMs: number, type: PunctuationType, punctuator: Punctuator): void {
    const { node, punctuation, enter } = this.#options;
    if (!Number.isSafeInteger(intervalMs) || intervalMs < 1) {
      const message = `Processor ${node.name} schedules every ${intervalMs} ms: expected whole milliseconds from 1`;
      throw new TidemarkError('INTERVAL_INVALID', message);
    }
    punctuation.add(intervalMs, type, (timestampMs) => {
      enter(node.name);
      punctuator(timestampMs);
    });
  }
  forward<V>(name: string, key: string | null, value: V, timestampMs: number, headers?: readonly RecordHeader[]): void {
    for (const child of this.#children) {
      if (child.name === name) {
        child.accept(this.#record(key, value, timestampMs, headers));
        return;
      }
    }
    const names = this.#children.map((child) => child.name);
    throw new TidemarkError(
      'CHILD_UNKNOWN',
      `Processor ${this.#options.node.name} forwards to "${name}", which does not list it as input${closest(name, names)}`,
    );
  }
  emit<V>(key: string | null, value: V, timestampMs: number, headers?: readonly RecordHeader[]): void {
    const record = this.#record(key, value, timestampMs, headers);
    for (const child of this.#children) child.accept(record);
  }
  count(event: string): void {
    this.#options.count(event);
  }
  reject(code: string, reason: string): void {
    this.#task.reject({ code, reason });
  }
  late(reason: string): void {
    this.#options.count('late-record');
    this.#task.lateReason ??= reason;
  }

  #record<V>(
    key: string | null,
    value: V,
    timestampMs: number,
    headers: readonly RecordHeader[] | undefined,
  ): StreamRecord<V> {
    const { current, partition } = this.#task;
    return {
      key,
      value,
      timestampMs,
      source: current ? current.source : { topic: '', partition, offset: -1 },
      headers: headers ?? (current ? current.headers : NO_HEADERS),
    };
  }
  #store(name: string, kind: StoreKind): StateStore {
    const { node, task } = this.#options;
    const store = node.stores?.includes(name) ? task.stores.get(name) : undefined;
    if (!store) {
      const message = `Processor ${node.name} did not declare store "${name}"${closest(name, [...(node.stores ?? [])])}`;
      throw new TidemarkError('STORE_UNKNOWN', message);
    }
    const declared = task.sub.stores.find((candidate) => candidate.name === name)!.node.kind ?? 'key-value';
    if (declared !== kind) {
      const message = `Processor ${node.name} asks for ${kind} store "${name}", which is declared as a ${declared} store`;
      throw new TidemarkError('STORE_KIND_WRONG', message);
    }
    return store;
  }
}
