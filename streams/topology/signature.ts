import { createHash } from 'node:crypto';
import type { CompiledStore, CompiledTopology } from './topology.ts';
import { storeRetention } from './validate.ts';

/**
 * What the state of each store depends on, as text by the store's name: its kind, schema and retention, the processors that use it, and
 * every node and topic upstream of them. What lies downstream of a store may change without its state losing its meaning.
 */
export function stateSignature(compiled: CompiledTopology): ReadonlyMap<string, string> {
  const upstream = upstreamOf(compiled);
  const signatures = new Map<string, string>();
  for (const sub of compiled.subTopologies) {
    for (const store of sub.stores) {
      const users = sub.processors.filter((node) => node.stores?.includes(store.name)).map((node) => node.name);
      const found = new Set<string>();
      for (const user of users) upstream.collect(user, found);
      const graph = [...found].sort().map((name) => upstream.line(name));
      signatures.set(store.name, [storeLine(store), ...graph].join('\n'));
    }
  }
  return signatures;
}

/** Changes with the topology's name, its version and the signature of any store (`stateSignature`). SHA-256, hexadecimal. */
export function topologyFingerprint(compiled: CompiledTopology): string {
  const signatures = [...stateSignature(compiled)].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = [`${compiled.name} ${compiled.version}`, ...signatures.map(([, signature]) => signature)].join('\n\n');
  return createHash('sha256').update(text).digest('hex');
}

function storeLine({ name, node }: CompiledStore): string {
  const { field, value = 'ever' } = storeRetention(node);
  return `store ${name}: ${node.kind ?? 'key-value'}, ${field} ${value}, ${canonical(node.value)}`;
}

/** Every node by name, with what it is and what feeds it. */
function upstreamOf(compiled: CompiledTopology) {
  const inputs = new Map<string, string[]>();
  const lines = new Map<string, string>();
  const edge = (from: string, to: string) => {
    const known = inputs.get(to);
    if (known) known.push(from);
    else inputs.set(to, [from]);
  };
  for (const sub of compiled.subTopologies) {
    for (const { name, topic, value, internal, children } of sub.sources) {
      lines.set(name, `${internal ? 'repartition' : 'source'} ${name}: ${topic}, ${canonical(value)}`);
      for (const child of children) edge(name, child);
    }
    for (const { name, stores = [], globals = [], children } of sub.processors) {
      lines.set(name, `processor ${name}: stores ${[...stores].sort()}, globals ${[...globals].sort()}`);
      for (const child of children) edge(name, child);
    }
  }
  const collect = (name: string, found: Set<string>): void => {
    if (found.has(name)) return;
    found.add(name);
    for (const input of inputs.get(name) ?? []) collect(input, found);
  };
  const line = (name: string) => `${lines.get(name)} <-- ${[...(inputs.get(name) ?? [])].sort()}`;
  return { collect, line };
}

/** A schema as text: attributes in one order, documentation left out. */
function canonical(schema: unknown): string {
  return JSON.stringify(schema, (key, value: unknown) => {
    if (key === 'doc') return undefined;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
