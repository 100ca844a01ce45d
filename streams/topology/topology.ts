import type { AvroSchema } from '../kit/avro.ts';
import { closest } from '../kit/config.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { PoisonPolicy, ProcessorNode, StoreNode, TopologyDefinition } from './types.ts';

/** A topic that a sub-topology reads: an outside source or the reading end of a repartition. */
export interface CompiledSource {
  readonly name: string;
  readonly topic: string;
  readonly value: AvroSchema;
  readonly onPoison: PoisonPolicy;
  readonly internal: boolean;
  /** Processors that list it as input. */
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
export interface CompiledTopology {
  readonly name: string;
  readonly version: number;
  readonly subTopologies: readonly SubTopology[];
  readonly deadLetterTopic: string;
  /** Keeps records that came too late for a part of their work. */
  readonly lateTopic: string;
}

export const changelogTopic = (topology: string, store: string) => `${topology}.${store}.changelog`;
export const repartitionTopic = (topology: string, node: string) => `${topology}.${node}.repartition`;
const NAME = /^[a-z][a-z0-9-]*$/;

/**
 * Checks a topology and cuts it into sub-topologies. Throws TOPOLOGY_INVALID with every violation: names that clash or are
 * not lower-case words, unknown inputs and stores, nodes that nothing reaches or that lead nowhere.
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
    subTopologies: components(definition).map((nodes, id) => subTopology(definition, nodes, id)),
    deadLetterTopic: `${definition.name}.dead-letters`,
    lateTopic: `${definition.name}.late-records`,
  };
}

function validate(definition: TopologyDefinition): string[] {
  const { sources, processors, stores = {}, repartitions = {}, sinks } = definition;
  const problems: string[] = [];
  const seen = new Set<string>();
  const kinds = { source: sources, processor: processors, store: stores, repartition: repartitions, sink: sinks };
  for (const [kind, nodes] of Object.entries(kinds)) {
    for (const name of Object.keys(nodes)) {
      if (!NAME.test(name)) problems.push(`${kind} "${name}": names are lower-case words joined by hyphens`);
      if (seen.has(name)) problems.push(`${kind} "${name}": another node has that name`);
      seen.add(name);
    }
  }
  if (!NAME.test(definition.name))
    problems.push(`topology "${definition.name}": names are lower-case words joined by hyphens`);
  if (!Number.isInteger(definition.version) || definition.version < 1 || definition.version > 255) {
    problems.push(`version ${definition.version}: expected a whole number from 1 to 255`);
  }
  if (Object.keys(sources).length === 0) problems.push('it has no source');
  const readable = [...Object.keys(sources), ...Object.keys(processors), ...Object.keys(repartitions)];
  const used = new Set<string>();
  const checkInputs = (kind: string, name: string, inputs: readonly string[], allowed: readonly string[]) => {
    if (inputs.length === 0) problems.push(`${kind} "${name}" has no inputs`);
    for (const input of inputs) {
      used.add(input);
      if (!allowed.includes(input))
        problems.push(`${kind} "${name}" reads "${input}", which is not a node it can read${closest(input, allowed)}`);
    }
  };
  for (const [name, node] of Object.entries(processors)) {
    checkInputs('processor', name, node.inputs, readable);
    for (const store of node.stores ?? []) {
      used.add(store);
      if (!(store in stores))
        problems.push(
          `processor "${name}" uses store "${store}", which is not declared${closest(store, Object.keys(stores))}`,
        );
    }
  }
  for (const [name, node] of Object.entries(repartitions))
    checkInputs('repartition', name, node.inputs, Object.keys(processors));
  for (const [name, node] of Object.entries(sinks)) checkInputs('sink', name, node.inputs, Object.keys(processors));
  for (const name of [...Object.keys(sources), ...Object.keys(repartitions), ...Object.keys(stores)]) {
    if (!used.has(name)) problems.push(`"${name}" is read by nothing`);
  }
  const topics = Object.values(sources).map((node) => node.topic);
  for (const topic of new Set(topics.filter((name, index) => topics.indexOf(name) !== index))) {
    problems.push(`topic "${topic}" is the source of two nodes: let one source feed both processors`);
  }
  return problems;
}

/** Connected components over processors: a repartition cuts, a shared source, store or edge joins. In order of declaration. */
function components(definition: TopologyDefinition): string[][] {
  const group = new Map<string, string[]>();
  for (const [name, node] of Object.entries(definition.processors)) {
    const merged = [name];
    for (const tie of [
      ...node.inputs.map((input) => `node:${input}`),
      `node:${name}`,
      ...(node.stores ?? []).map((store) => `store:${store}`),
    ]) {
      for (const member of group.get(tie) ?? []) if (!merged.includes(member)) merged.push(member);
    }
    const ties = [...group.keys()].filter((tie) => group.get(tie)!.some((member) => merged.includes(member)));
    const own = [
      ...node.inputs.map((input) => `node:${input}`),
      `node:${name}`,
      ...(node.stores ?? []).map((store) => `store:${store}`),
    ];
    for (const tie of new Set([...ties, ...own])) group.set(tie, merged);
  }
  const order = Object.keys(definition.processors);
  const found = new Set(group.values());
  return [...found]
    .map((members) => members.sort((a, b) => order.indexOf(a) - order.indexOf(b)))
    .sort((a, b) => order.indexOf(a[0]!) - order.indexOf(b[0]!));
}

function subTopology(definition: TopologyDefinition, members: readonly string[], id: number): SubTopology {
  const { sources, processors, stores = {}, repartitions = {}, sinks } = definition;
  const readers = (input: string) => members.filter((name) => processors[name]!.inputs.includes(input));
  const feeds = (node: { inputs: readonly string[] }) => node.inputs.some((input) => members.includes(input));
  const outputs = { ...repartitions, ...sinks };
  const childrenOf = (name: string) => [
    ...readers(name),
    ...Object.keys(outputs).filter((output) => outputs[output]!.inputs.includes(name)),
  ];
  const compiledSources: CompiledSource[] = [];
  for (const [name, node] of Object.entries(sources)) {
    if (readers(name).length > 0) {
      compiledSources.push({
        name,
        topic: node.topic,
        value: node.value,
        onPoison: node.onPoison ?? 'FAIL',
        internal: false,
        children: readers(name),
      });
    }
  }
  for (const [name, node] of Object.entries(repartitions)) {
    if (readers(name).length > 0) {
      const topic = repartitionTopic(definition.name, name);
      // What we wrote ourselves and cannot read is damage, but one record of it must not stop the desk.
      compiledSources.push({
        name,
        topic,
        value: node.value,
        onPoison: 'DEAD_LETTER',
        internal: true,
        children: readers(name),
      });
    }
  }
  return {
    id,
    sources: compiledSources,
    processors: members.map((name) => ({ ...processors[name]!, name, children: childrenOf(name) })),
    outputs: [
      ...Object.entries(repartitions)
        .filter(([, node]) => feeds(node))
        .map(([name, node]) => ({
          name,
          topic: repartitionTopic(definition.name, name),
          value: node.value,
          partitionKey: (key: string) => key,
        })),
      ...Object.entries(sinks)
        .filter(([, node]) => feeds(node))
        .map(([name, node]) => ({
          name,
          topic: node.topic,
          value: node.value,
          partitionKey: node.partitionKey ?? ((key: string) => key),
        })),
    ],
    stores: Object.entries(stores)
      .filter(([name]) => members.some((member) => processors[member]!.stores?.includes(name)))
      .map(([name, node]) => ({ name, node, changelog: changelogTopic(definition.name, name) })),
  };
}
