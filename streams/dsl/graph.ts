import type { AvroSchema } from '../kit/avro.ts';
import { TidemarkError } from '../kit/errors.ts';
import type {
  GlobalNode,
  ProcessorNode,
  RepartitionNode,
  SinkNode,
  SourceNode,
  StoreNode,
  TopologyDefinition,
} from '../topology/types.ts';

/**
 * The graph while it is built. Nodes without a name of their own get one from their kind and a running number of that kind (topics:
 * from the topic), so the same program always names them the same.
 */
export class Graph {
  readonly sources: Record<string, SourceNode> = {};
  readonly processors: Record<string, ProcessorNode> = {};
  readonly stores: Record<string, StoreNode> = {};
  readonly globals: Record<string, GlobalNode> = {};
  readonly repartitions: Record<string, RepartitionNode> = {};
  readonly sinks: Record<string, SinkNode> = {};
  readonly #counts = new Map<string, number>();
  readonly #names = new Set<string>();

  /** The wanted name, or the next one of a kind. */
  name(kind: string, wanted: string | undefined): string {
    if (wanted !== undefined) return wanted;
    for (;;) {
      const count = (this.#counts.get(kind) ?? 0) + 1;
      this.#counts.set(kind, count);
      if (!this.#names.has(`${kind}-${count}`)) return `${kind}-${count}`;
    }
  }
  /** A name for what reads or writes a topic, e.g. `to-text-totals`; a second one of the same topic ends in `-2`. */
  topicName(kind: string, topic: string, wanted: string | undefined): string {
    if (wanted !== undefined) return wanted;
    const words = topic
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '');
    let name = `${kind}-${words}`;
    for (let count = 2; this.#names.has(name); count++) name = `${kind}-${words}-${count}`;
    return name;
  }

  addSource(name: string, node: SourceNode): void {
    this.sources[this.#take(name)] = node;
  }
  addProcessor(name: string, node: ProcessorNode): void {
    this.processors[this.#take(name)] = node;
  }
  addStore(name: string, node: StoreNode): void {
    this.stores[this.#take(name)] = node;
  }
  addGlobal(name: string, node: GlobalNode): void {
    this.globals[this.#take(name)] = node;
  }
  addRepartition(name: string, node: RepartitionNode): void {
    this.repartitions[this.#take(name)] = node;
  }
  addSink(name: string, node: SinkNode): void {
    this.sinks[this.#take(name)] = node;
  }

  /** The graph as data; the builder may go on without changing it. */
  definition(name: string, version: number): TopologyDefinition {
    const { sources, processors, stores, globals, repartitions, sinks } = this;
    return structure({ name, version, sources, processors, stores, globals, repartitions, sinks });
  }

  #take(name: string): string {
    if (this.#names.has(name))
      throw new TidemarkError('NAME_TAKEN', `Node "${name}" exists already: give one of the two another name`);
    this.#names.add(name);
    return name;
  }
}

function structure(definition: TopologyDefinition): TopologyDefinition {
  const { name, version, sources, processors, stores, globals, repartitions, sinks } = definition;
  return {
    name,
    version,
    sources: { ...sources },
    processors: { ...processors },
    stores: { ...stores },
    globals: { ...globals },
    repartitions: { ...repartitions },
    sinks: { ...sinks },
  };
}

/** The first schema that is known. Throws SCHEMA_MISSING, naming the node that needs it. */
export function schemaFor(node: string, purpose: string, ...candidates: (AvroSchema | null | undefined)[]): AvroSchema {
  for (const schema of candidates) if (schema !== null && schema !== undefined) return schema;
  throw new TidemarkError(
    'SCHEMA_MISSING',
    `Node "${node}" needs the Avro schema of its values for ${purpose}: give it, or the step that made them, { value: schema }`,
  );
}
