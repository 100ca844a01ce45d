import type { AvroSchema } from '../kit/avro.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { PoisonPolicy, StoreNode, TopologyDefinition } from '../topology/types.ts';
import { Graph } from './graph.ts';
import type { NodeOptions, SourceTableOptions } from './options.ts';
import { KStream } from './stream.ts';
import { GlobalKTable, KTable, tableFrom } from './table.ts';

/** Which topology it is. */
export interface TopologyOptions {
  /** Lower-case words joined by hyphens; prefix of the internal topics, and the consumer group. */
  readonly name: string;
  /** From 1 to 255; raised when stored state is no longer readable by the new graph. Default 1. */
  readonly version?: number;
}
/** How a topic is read. */
export interface SourceOptions extends NodeOptions {
  /** What happens to a record that cannot be decoded; default FAIL. */
  readonly onPoison?: PoisonPolicy;
}
/** How much of a global table is kept. */
export interface GlobalTableOptions extends NodeOptions {
  /** Keeps versions of so much event time, for joins as of a record's time. Default: newest value only. */
  readonly historyMs?: number;
}
/**
 * Builds a topology in Kafka Streams' vocabulary. `build()` gives it as data, to be run by `runTopology`, tested by
 * TopologyTestDriver, and shown by `describeTopology`.
 */
export class StreamsBuilder {
  readonly #options: TopologyOptions;
  readonly #graph = new Graph();
  readonly #sourceOfTopic = new Map<string, { readonly name: string; readonly options: string }>();

  /** Name and version are checked with the rest of the topology. */
  constructor(options: TopologyOptions) {
    this.#options = options;
  }

  /** The records of a topic with its tombstones: the stream's functions take null. Throws SOURCE_CLASH. */
  stream<V>(
    topic: string,
    value: AvroSchema,
    options: SourceOptions & { readonly tombstones: true },
  ): KStream<V | null>;
  /**
   * The records of a topic. Tombstones are counted and dropped by the next step, unless `tombstones` says that the stream's functions
   * take null. The same topic may be asked for again with the same schema, name and poison policy. Throws SOURCE_CLASH otherwise.
   */
  stream<V>(topic: string, value: AvroSchema, options?: SourceOptions): KStream<V>;
  stream<V>(
    topic: string,
    value: AvroSchema,
    options: SourceOptions & { readonly tombstones?: true } = {},
  ): KStream<V> {
    const inputs = [this.#source(topic, value, options)];
    const dropsNulls = !options.tombstones;
    return new KStream<V>({ graph: this.#graph, inputs, value, isRekeyed: false, dropsNulls, keyOf: (key) => key });
  }
  /**
   * The newest value of each key of a topic; tombstones delete, and records without a key are counted and dropped. With `historyMs` it can
   * be read as of earlier times. Throws SOURCE_CLASH, and TABLE_INVALID where both `ttlMs` and `historyMs` are given.
   */
  table<V>(topic: string, value: AvroSchema, options: SourceOptions & SourceTableOptions = {}): KTable<V> {
    const graph = this.#graph;
    const { onPoison } = options;
    const source = this.#source(topic, value, onPoison ? { onPoison } : {});
    const name = graph.topicName('table', topic, options.name);
    const keyOf = (key: string | null) => key as string;
    return new KTable<V>(tableFrom<string>({ graph, inputs: [source], name, value, keyOf }, options));
  }
  /**
   * A topic that every task reads whole, before anything is processed; records without a key are left out, and so are those that cannot be
   * decoded. With `historyMs` it is read as of a record's event time.
   */
  globalTable<V>(topic: string, value: AvroSchema, { name, historyMs }: GlobalTableOptions = {}): GlobalKTable<V> {
    const node = this.#graph.topicName('global', topic, name);
    this.#graph.addGlobal(node, { topic, value, ...(historyMs === undefined ? {} : { historyMs }) });
    return new GlobalKTable<V>(node, historyMs !== undefined);
  }
  /** Declares a store for `process`; gives its name. Throws NAME_TAKEN. */
  store(name: string, node: StoreNode): string {
    this.#graph.addStore(name, node);
    return name;
  }

  /** The topology so far. It is checked where it is run, tested or described. */
  build(): TopologyDefinition {
    return this.#graph.definition(this.#options.name, this.#options.version ?? 1);
  }

  #source(topic: string, value: AvroSchema, { name, onPoison }: SourceOptions): string {
    const options = JSON.stringify([value, onPoison ?? 'FAIL']);
    const known = this.#sourceOfTopic.get(topic);
    if (known) {
      if (known.options === options && (name === undefined || name === known.name)) return known.name;
      throw new TidemarkError(
        'SOURCE_CLASH',
        `Topic "${topic}" is read by "${known.name}" already: give the same schema, name and poison policy, or share the stream`,
      );
    }
    const node = this.#graph.topicName('from', topic, name);
    this.#graph.addSource(node, { topic, value, ...(onPoison ? { onPoison } : {}) });
    this.#sourceOfTopic.set(topic, { name: node, options });
    return node;
  }
}
