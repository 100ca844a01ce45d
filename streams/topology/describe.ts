import { compileTopology } from './topology.ts';
import type { TopologyDefinition } from './types.ts';

/** The graph as text: one block a sub-topology, one line a node, in the manner of Kafka Streams' `Topology.describe()`. */
export function describeTopology(definition: TopologyDefinition): string {
  const compiled = compileTopology(definition);
  const lines = [`Topology: ${compiled.name} (version ${compiled.version})`];
  for (const sub of compiled.subTopologies) {
    lines.push(`  Sub-topology: ${sub.id}`);
    for (const source of sub.sources)
      lines.push(
        `    Source: ${source.name} (topic: ${source.topic}, poison: ${source.onPoison})`,
        `      --> ${source.children.join(', ')}`,
      );
    for (const node of sub.processors) {
      lines.push(`    Processor: ${node.name} (stores: [${(node.stores ?? []).join(', ')}])`);
      lines.push(`      --> ${node.children.join(', ') || 'none'}`, `      <-- ${node.inputs.join(', ')}`);
    }
    for (const output of sub.outputs) {
      const inputs = sub.processors.filter((node) => node.children.includes(output.name)).map((node) => node.name);
      lines.push(`    Sink: ${output.name} (topic: ${output.topic})`, `      <-- ${inputs.join(', ')}`);
    }
    for (const store of sub.stores) lines.push(`    Store: ${store.name} (changelog: ${store.changelog})`);
  }
  lines.push(`  Dead letters: ${compiled.deadLetterTopic}`);
  return `${lines.join('\n')}\n`;
}

/** The graph as a Mermaid flowchart: topics are cylinders on their side, stores are cylinders, dotted lines are state. */
export function mermaidTopology(definition: TopologyDefinition): string {
  const compiled = compileTopology(definition);
  const lines = ['flowchart LR'];
  const topicId = (topic: string) => `t_${topic.replace(/[^a-zA-Z0-9]/g, '_')}`;
  const nodeId = (name: string) => `n_${name.replace(/-/g, '_')}`;
  const topics = new Set<string>();
  const edges: string[] = [];
  for (const sub of compiled.subTopologies) {
    lines.push(`  subgraph s${sub.id}["sub-topology ${sub.id}"]`);
    for (const node of sub.processors) lines.push(`    ${nodeId(node.name)}["${node.name}"]`);
    for (const store of sub.stores) lines.push(`    ${nodeId(store.name)}[("${store.name}")]`);
    lines.push('  end');
    for (const source of sub.sources) {
      topics.add(source.topic);
      for (const child of source.children) edges.push(`  ${topicId(source.topic)} --> ${nodeId(child)}`);
    }
    for (const output of sub.outputs) topics.add(output.topic);
    for (const node of sub.processors) {
      for (const child of node.children) {
        const output = sub.outputs.find((candidate) => candidate.name === child);
        edges.push(`  ${nodeId(node.name)} --> ${output ? topicId(output.topic) : nodeId(child)}`);
      }
      for (const store of node.stores ?? []) edges.push(`  ${nodeId(node.name)} -.- ${nodeId(store)}`);
    }
  }
  for (const topic of topics) lines.push(`  ${topicId(topic)}[/"${topic}"/]`);
  return `${[...lines, ...edges].join('\n')}\n`;
}
