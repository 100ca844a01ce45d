import type { AvroSchema } from '../kit/avro.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { PoisonPolicy, ProcessorNode, StoreNode, TopologyDefinition } from './types.ts';
import { validate } from './validate.ts';

/** A topic that a sub-topology reads: an outside source or the reading end of a repartition. */
export interface CompiledSource {
  readonly name: string;
  readonly topic: string;
  readonly value: AvroSchema;
  readonly onPoison: PoisonPolicy;
  readonly movesTime: boolean;
  readonly internal: boolean;
  /** Processors, repartitions and sinks that list it as input. */
  readonly children: readonly string[];
}
/** A topic that a sub-topology writes: an outside sink or the writing end of a repartition. */
export interface CompiledOutput {
  readonly name: string;
  readonly topic: string;
  readonly value: AvroSchema;
  readonly partitionKey: (key: string) => string;
}
export interface CompiledProcessor extends ProcessorNode {
  readonly name: string;
  /** Processors, repartitions and sinks that list it as input. */
  readonly children: readonly string[];
}
/** A part of the graph whose nodes must live in one task: connected by edges or by a shared store. */
export interface SubTopology {
  readonly id: number;
  readonly sources: readonly CompiledSource[];
  readonly processors: readonly CompiledProcessor[];
  readonly outputs: readonly CompiledOutput[];
  readonly stores: readonly CompiledStore[];
}
export interface CompiledStore {
  readonly name: string;
  readonly node: StoreNode;
  readonly changelog: string;
}
/** A topic that every task reads whole. */
export interface CompiledGlobal {
  readonly name: string;
  readonly topic: string;
  readonly value: AvroSchema;
  /** Null: newest values only. */
  readonly historyMs: number | null;
}
/** A topology that has been checked, cut into the parts that tasks are made of. */
export interface CompiledTopology {
  readonly name: string;
  readonly version: number;
  /** @internal */
  readonly subTopologies: readonly SubTopology[];
  /** @internal */
  readonly globals: readonly CompiledGlobal[];
  /** `<name>.dead-letters`: records that could not be processed. */
  readonly deadLetterTopic: string;
  /** `<name>.late-records`: records that came too late for a part of their work. */
  readonly lateTopic: string;
}

export const changelogTopic = (topology: string, store: string) => `${topology}.${store}.changelog`;
export const repartitionTopic = (topology: string, node: string) => `${topology}.${node}.repartition`;

/**
 * Checks a topology and cuts it into sub-topologies. Throws TOPOLOGY_INVALID with every violation: names that clash or are
 * not lower-case words, unknown inputs, stores and globals, schemas that are none, nodes that nothing reaches, circles.
 */
export function compileTopology(definition: TopologyDefinition): CompiledTopology {
  const problems = validate(definition);
  if (problems.length > 0) {
    throw new TidemarkError(
      'TOPOLOGY_INVALID',
      `Topology "${definition.name}" is invalid:\n  ${problems.join('\n  ')}`,
    );
  }
  return {
    name: definition.name,
    version: definition.version,
    subTopologies: components(definition).map((component, id) => subTopology(definition, component, id)),
    globals: Object.entries(definition.globals ?? {}).map(([name, { topic, value, historyMs = null }]) => ({
      name,
      topic,
      value,
      historyMs,
    })),
    deadLetterTopic: `${definition.name}.dead-letters`,
    lateTopic: `${definition.name}.late-records`,
  };
}

/** What lives in one task: processors, or outputs that a topic feeds directly. */
interface Component {
  readonly processors: readonly string[];
  /** Sources and repartitions that it reads. */
  readonly inputs: ReadonlySet<string>;
}

/**
 * Connected components over processors, in order of declaration: a repartition cuts, a shared source, store or edge joins. Topics
 * that feed nothing but outputs make one component each.
 */
function components(definition: TopologyDefinition): Component[] {
  const { sources, processors, repartitions = {}, sinks } = definition;
  const names = Object.keys(processors);
  const groupOf = new Map(names.map((name) => [name, [name]]));
  const byTie = new Map<string, string>();
  for (const [name, node] of Object.entries(processors)) {
    const ties = [...node.inputs, name].map((input) => `node:${input}`);
    for (const tie of [...ties, ...(node.stores ?? []).map((store) => `store:${store}`)]) {
      const other = byTie.get(tie);
      if (other === undefined) byTie.set(tie, name);
      else if (groupOf.get(other) !== groupOf.get(name)) {
        const merged = [...groupOf.get(other)!, ...groupOf.get(name)!];
        for (const member of merged) groupOf.set(member, merged);
      }
    }
  }
  const order = new Map(names.map((name, index) => [name, index]));
  const isTopic = (name: string) => Object.hasOwn(sources, name) || Object.hasOwn(repartitions, name);
  const found: Component[] = [...new Set(groupOf.values())]
    .map((members) => members.sort((a, b) => order.get(a)! - order.get(b)!))
    .sort((a, b) => order.get(a[0]!)! - order.get(b[0]!)!)
    .map((members) => ({
      processors: members,
      inputs: new Set(members.flatMap((name) => processors[name]!.inputs.filter(isTopic))),
    }));
  const fedByTopics = Object.values({ ...repartitions, ...sinks }).flatMap(({ inputs }) => inputs.filter(isTopic));
  for (const input of new Set(fedByTopics))
    if (!found.some(({ inputs }) => inputs.has(input))) found.push({ processors: [], inputs: new Set([input]) });
  return found;
}

function subTopology(
  definition: TopologyDefinition,
  { processors: members, inputs }: Component,
  id: number,
): SubTopology {
  const { sources, processors, stores = {}, repartitions = {}, sinks } = definition;
  const outputs = { ...repartitions, ...sinks };
  const childrenOf = (name: string) => [
    ...members.filter((member) => processors[member]!.inputs.includes(name)),
    ...Object.keys(outputs).filter((output) => outputs[output]!.inputs.includes(name)),
  ];
  const feeds = (node: { inputs: readonly string[] }) =>
    node.inputs.some((input) => members.includes(input) || inputs.has(input));
  const wholeKey = (key: string) => key;
  return {
    id,
    sources: [
      ...Object.entries(sources).map(([name, { topic, value, onPoison = 'FAIL' as const, movesTime = true }]) => ({
        name,
        topic,
        value,
        onPoison,
        movesTime,
        internal: false,
        children: childrenOf(name),
      })),
      // What we wrote ourselves and cannot read is damage, but one record of it must not stop the desk.
      ...Object.entries(repartitions).map(([name, { value }]) => ({
        name,
        topic: repartitionTopic(definition.name, name),
        value,
        onPoison: 'DEAD_LETTER' as const,
        movesTime: true,
        internal: true,
        children: childrenOf(name),
      })),
    ].filter(({ name }) => inputs.has(name)),
    processors: members.map((name) => ({ ...processors[name]!, name, children: childrenOf(name) })),
    outputs: [
      ...Object.entries(repartitions)
        .filter(([, node]) => feeds(node))
        .map(([name, { value }]) => ({
          name,
          topic: repartitionTopic(definition.name, name),
          value,
          partitionKey: wholeKey,
        })),
      ...Object.entries(sinks)
        .filter(([, node]) => feeds(node))
        .map(([name, { topic, value, partitionKey = wholeKey }]) => ({ name, topic, value, partitionKey })),
    ],
    stores: Object.entries(stores)
      .filter(([name]) => members.some((member) => processors[member]!.stores?.includes(name)))
      .map(([name, node]) => ({ name, node, changelog: changelogTopic(definition.name, name) })),
  };
}
