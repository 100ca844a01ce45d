import { type CompiledStore, type CompiledTopology, compileTopology, type SubTopology } from './topology.ts';
import type { TopologyDefinition } from './types.ts';
import { storeRetention } from './validate.ts';

/** The graph as text: one block a sub-topology, in the manner of Kafka Streams' `Topology.describe()`. Throws TOPOLOGY_INVALID. */
export function describeTopology(definition: TopologyDefinition): string {
  const compiled = compileTopology(definition);
  const lines = [`Topology: ${compiled.name} (version ${compiled.version})`];
  for (const sub of compiled.subTopologies) lines.push(...describeSub(sub));
  for (const { name, topic, historyMs } of compiled.globals) {
    const history = historyMs === null ? '' : `, history: ${historyMs} ms`;
    lines.push(`  Global table: ${name} (topic: ${topic}${history})`);
  }
  lines.push(`  Dead letters: ${compiled.deadLetterTopic}`);
  return `${lines.join('\n')}\n`;
}

function describeSub(sub: SubTopology): string[] {
  const lines = [`  Sub-topology: ${sub.id}`];
  for (const source of sub.sources)
    lines.push(
      `    Source: ${source.name} (topic: ${source.topic}, poison: ${source.onPoison}${source.movesTime ? '' : ', moves no time'})`,
      `      --> ${source.children.join(', ')}`,
    );
  for (const { name, stores = [], globals = [], children, inputs } of sub.processors) {
    const tables = globals.length > 0 ? `, globals: [${globals.join(', ')}]` : '';
    lines.push(`    Processor: ${name} (stores: [${stores.join(', ')}]${tables})`);
    lines.push(`      --> ${children.join(', ') || 'none'}`, `      <-- ${inputs.join(', ')}`);
  }
  for (const { name, topic } of sub.outputs) {
    const inputs = [...sub.sources, ...sub.processors].filter((node) => node.children.includes(name));
    lines.push(`    Sink: ${name} (topic: ${topic})`, `      <-- ${inputs.map((node) => node.name).join(', ')}`);
  }
  for (const store of sub.stores)
    lines.push(`    Store: ${store.name} (${storeKind(store)}changelog: ${store.changelog})`);
  return lines;
}

/** What a store is where it is not plain key-value for ever, e.g. `window, retention: 60000 ms, `. */
function storeKind({ node }: CompiledStore): string {
  const { field, value } = storeRetention(node);
  const words: string[] = node.kind && node.kind !== 'key-value' ? [node.kind] : [];
  if (value !== undefined) words.push(`${field.replace(/Ms$/, '')}: ${value} ms`);
  return words.map((word) => `${word}, `).join('');
}

const topicId = (topic: string) => `t_${topic.replace(/[^a-zA-Z0-9]/g, '_')}`;
const nodeId = (name: string) => `n_${name.replace(/-/g, '_')}`;

/**
 * The graph as a Mermaid flowchart: topics are parallelograms, stores and global tables are cylinders, dotted lines are state. Throws
 * TOPOLOGY_INVALID.
 */
export function mermaidTopology(definition: TopologyDefinition): string {
  const compiled = compileTopology(definition);
  const lines = ['flowchart LR'];
  for (const sub of compiled.subTopologies) {
    lines.push(`  subgraph s${sub.id}["sub-topology ${sub.id}"]`);
    for (const node of sub.processors) lines.push(`    ${nodeId(node.name)}["${node.name}"]`);
    for (const { name, node } of sub.stores) {
      const kind = node.kind && node.kind !== 'key-value' ? ` (${node.kind})` : '';
      lines.push(`    ${nodeId(name)}[("${name}${kind}")]`);
    }
    lines.push('  end');
  }
  for (const { name } of compiled.globals) lines.push(`  ${nodeId(name)}[("${name} (global)")]`);
  for (const topic of topicsOf(compiled)) lines.push(`  ${topicId(topic)}[/"${topic}"/]`);
  return `${[...lines, ...mermaidEdges(compiled)].join('\n')}\n`;
}

function topicsOf({ subTopologies, globals }: CompiledTopology): Set<string> {
  const nodes = subTopologies.flatMap((sub) => [...sub.sources, ...sub.outputs]);
  return new Set([...nodes, ...globals].map(({ topic }) => topic));
}

function mermaidEdges({ subTopologies, globals }: CompiledTopology): string[] {
  const edges: string[] = [];
  for (const sub of subTopologies) {
    const target = (child: string) => {
      const output = sub.outputs.find((candidate) => candidate.name === child);
      return output ? topicId(output.topic) : nodeId(child);
    };
    for (const source of sub.sources)
      for (const child of source.children) edges.push(`  ${topicId(source.topic)} --> ${target(child)}`);
    for (const node of sub.processors) {
      for (const child of node.children) edges.push(`  ${nodeId(node.name)} --> ${target(child)}`);
      for (const state of [...(node.stores ?? []), ...(node.globals ?? [])])
        edges.push(`  ${nodeId(node.name)} -.- ${nodeId(state)}`);
    }
  }
  for (const { name, topic } of globals) edges.push(`  ${topicId(topic)} -.-> ${nodeId(name)}`);
  return edges;
}
