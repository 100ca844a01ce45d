import { avroType } from '../kit/avro.ts';
import { closest } from '../kit/config.ts';
import { describeError } from '../kit/errors.ts';
import type { StoreNode, TopologyDefinition } from './types.ts';

const NAME = /^[a-z][a-z0-9-]*$/;
const TOPOLOGY_NAME = /^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*$/;

/** Every violation of a topology's rules, each naming its node; none where it is sound. */
export function validate(definition: TopologyDefinition): string[] {
  return [
    ...wrongNames(definition),
    ...wrongReferences(definition),
    ...wrongSchemas(definition),
    ...wrongStores(definition),
    ...sharedTopics(definition),
    ...cycles(definition),
  ];
}

function wrongNames(definition: TopologyDefinition): string[] {
  const { sources, processors, stores = {}, globals = {}, repartitions = {}, sinks } = definition;
  const problems: string[] = [];
  const seen = new Set<string>();
  const kinds = { source: sources, processor: processors, store: stores, global: globals, repartition: repartitions };
  for (const [kind, nodes] of Object.entries({ ...kinds, sink: sinks })) {
    for (const name of Object.keys(nodes)) {
      if (!NAME.test(name)) problems.push(`${kind} "${name}": names are lower-case words joined by hyphens`);
      if (seen.has(name)) problems.push(`${kind} "${name}": another node has that name`);
      seen.add(name);
    }
  }
  if (!TOPOLOGY_NAME.test(definition.name))
    problems.push(`topology "${definition.name}": names are lower-case words joined by hyphens or dots`);
  if (!Number.isInteger(definition.version) || definition.version < 1 || definition.version > 255)
    problems.push(`version ${definition.version}: expected a whole number from 1 to 255`);
  if (Object.keys(sources).length === 0) problems.push('it has no source');
  return problems;
}

function wrongReferences(definition: TopologyDefinition): string[] {
  const { sources, processors, stores = {}, globals = {}, repartitions = {}, sinks } = definition;
  const problems: string[] = [];
  const readable = [...Object.keys(sources), ...Object.keys(processors), ...Object.keys(repartitions)];
  const used = new Set<string>();
  const readers = { processor: processors, repartition: repartitions, sink: sinks };
  for (const [kind, nodes] of Object.entries(readers)) {
    for (const [name, { inputs }] of Object.entries<{ readonly inputs: readonly string[] }>(nodes)) {
      if (inputs.length === 0) problems.push(`${kind} "${name}" has no inputs`);
      for (const input of inputs) {
        used.add(input);
        if (!readable.includes(input) || (kind === 'repartition' && input === name))
          problems.push(
            `${kind} "${name}" reads "${input}", which is not a node it can read${closest(input, readable)}`,
          );
      }
    }
  }
  const check = (processor: string, kind: string, wanted: readonly string[], declared: readonly string[]) => {
    for (const name of wanted) {
      used.add(name);
      if (!declared.includes(name))
        problems.push(
          `processor "${processor}" uses ${kind} "${name}", which is not declared${closest(name, declared)}`,
        );
    }
  };
  for (const [name, node] of Object.entries(processors)) {
    check(name, 'store', node.stores ?? [], Object.keys(stores));
    check(name, 'global table', node.globals ?? [], Object.keys(globals));
  }
  for (const name of Object.keys({ ...sources, ...repartitions, ...stores, ...globals }))
    if (!used.has(name)) problems.push(`"${name}" is read by nothing`);
  return problems;
}

function wrongSchemas({ sources, stores = {}, globals = {}, repartitions = {}, sinks }: TopologyDefinition): string[] {
  return Object.entries({ ...sources, ...stores, ...globals, ...repartitions, ...sinks }).flatMap(([name, node]) => {
    try {
      avroType(node.value);
      return [];
    } catch (error) {
      return [`"${name}": its Avro schema is invalid: ${describeError(error)}`];
    }
  });
}

function wrongStores({ stores = {}, globals = {} }: TopologyDefinition): string[] {
  const problems: string[] = [];
  const check = (name: string, field: string, value: number | undefined) => {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0))
      problems.push(`"${name}": ${field} is ${value}, expected whole milliseconds from 0`);
  };
  for (const [name, node] of Object.entries(stores)) {
    const { field, value } = storeRetention(node);
    check(name, field, value);
  }
  for (const [name, node] of Object.entries(globals)) check(name, 'historyMs', node.historyMs);
  return problems;
}

/** How long a store keeps things, and what its declaration calls that; undefined: for ever. */
export function storeRetention(node: StoreNode): { readonly field: string; readonly value: number | undefined } {
  if ('retentionMs' in node) return { field: 'retentionMs', value: node.retentionMs };
  if ('historyMs' in node) return { field: 'historyMs', value: node.historyMs };
  return { field: 'ttlMs', value: node.ttlMs };
}

function sharedTopics({ sources }: TopologyDefinition): string[] {
  const topics = Object.values(sources).map((node) => node.topic);
  return [...new Set(topics.filter((name, index) => topics.indexOf(name) !== index))].map(
    (topic) => `topic "${topic}" is the source of two nodes: let one source feed both processors`,
  );
}

/** Processors that forward to themselves by a way that no topic interrupts would never end. */
function cycles({ processors }: TopologyDefinition): string[] {
  const problems: string[] = [];
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    const at = path.indexOf(name);
    if (at >= 0) problems.push(`processors go round in a circle: ${[...path.slice(at), name].reverse().join(' -> ')}`);
    if (at >= 0 || done.has(name) || !Object.hasOwn(processors, name)) return;
    for (const input of processors[name]!.inputs) visit(input, [...path, name]);
    done.add(name);
  };
  for (const name of Object.keys(processors)) visit(name, []);
  return problems;
}
