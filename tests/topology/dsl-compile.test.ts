import { describe, expect, it } from 'vitest';
import { describeTopology, mermaidTopology } from '#streams/topology/describe.ts';
import { stateSignature, topologyFingerprint } from '#streams/topology/signature.ts';
import { compileTopology } from '#streams/topology/topology.ts';
import type { ProcessorNode, TopologyDefinition } from '#streams/topology/types.ts';

const create = () => ({ process: () => undefined });
const graph: TopologyDefinition = {
  name: 'graph',
  version: 1,
  sources: {
    orders: { topic: 'shop.orders', value: 'long' },
    raw: { topic: 'shop.raw', value: 'string' },
  },
  processors: {
    enrich: { inputs: ['orders'], globals: ['rates'], create },
    total: { inputs: ['by-day'], stores: ['totals', 'last'], create },
    watch: { inputs: ['total'], stores: ['visits'], create },
  },
  stores: {
    totals: { kind: 'window', value: 'long', retentionMs: 60_000 },
    last: { value: 'long', ttlMs: 5_000 },
    visits: { kind: 'versioned', value: 'long', historyMs: 9_000 },
  },
  globals: { rates: { topic: 'shop.rates', value: 'double', historyMs: 1_000 } },
  repartitions: {
    'by-day': { inputs: ['enrich', 'orders'], value: 'long' },
    copied: { inputs: ['raw'], value: 'string' },
  },
  sinks: {
    totals_: { inputs: ['total'], topic: 'shop.totals', value: 'long' },
    copies: { inputs: ['raw', 'copied'], topic: 'shop.copies', value: 'string' },
  },
};
const { totals_, ...sinks } = graph.sinks;
const sound: TopologyDefinition = { ...graph, sinks: { ...sinks, 'to-totals': totals_! } };
const withNode = (name: string, change: Partial<ProcessorNode>): TopologyDefinition => ({
  ...sound,
  processors: { ...sound.processors, [name]: { ...sound.processors[name]!, ...change } },
});
const fingerprint = (definition: TopologyDefinition) => topologyFingerprint(compileTopology(definition));

describe('compileTopology', () => {
  it('lets a topic feed sinks and repartitions directly', () => {
    const { subTopologies } = compileTopology(sound);
    const shape = subTopologies.map((sub) => [
      sub.sources.map(({ name, children }) => `${name} > ${children.join(' ')}`),
      sub.processors.map(({ name }) => name),
      sub.outputs.map(({ name }) => name),
    ]);
    expect(shape).toEqual([
      [['orders > enrich by-day'], ['enrich'], ['by-day']],
      [['by-day > total'], ['total', 'watch'], ['to-totals']],
      [['raw > copied copies'], [], ['copied', 'copies']],
      [['copied > copies'], [], ['copies']],
    ]);
  });

  it('lists global tables and the topic of late records', () => {
    const compiled = compileTopology(sound);
    expect(compiled.globals).toEqual([{ name: 'rates', topic: 'shop.rates', value: 'double', historyMs: 1_000 }]);
    expect(compiled.lateTopic).toBe('graph.late-records');
  });

  it.each<[string, TopologyDefinition, RegExp]>([
    ['a name', graph, /sink "totals_": names are lower-case words/],
    ['a global', withNode('enrich', { globals: ['rate'] }), /"enrich" uses global table "rate".*did you mean rates\?/],
    ['a circle', withNode('total', { inputs: ['by-day', 'watch'] }), /go round in a circle: total -> watch -> total/],
    [
      'a retention',
      { ...sound, stores: { ...sound.stores, totals: { kind: 'window', value: 'long', retentionMs: -1 } } },
      /"totals": retentionMs is -1, expected whole milliseconds/,
    ],
    [
      'a schema',
      { ...sound, sources: { ...sound.sources, raw: { topic: 't', value: 'strin' } } },
      /"raw": its Avro schema/,
    ],
    ['an input', withNode('watch', { inputs: ['totl'] }), /"watch" reads "totl".*did you mean total\?/],
    [
      'itself',
      { ...sound, repartitions: { ...sound.repartitions, copied: { inputs: ['copied', 'raw'], value: 'string' } } },
      /repartition "copied" reads "copied"/,
    ],
  ])('names the node where %s is wrong', (_what, definition, message) => {
    expect(() => compileTopology(definition)).toThrow(message);
  });
});

describe('topologyFingerprint', () => {
  it('is the same for the same graph, and whatever a schema says in its documentation', () => {
    const record = (doc: string) => ({ type: 'record', name: 'R', doc, fields: [{ name: 'a', type: 'long', doc }] });
    const store = (doc: string) =>
      ({
        ...sound,
        stores: { ...sound.stores, last: { value: record(doc) as never, ttlMs: 1 } },
      }) as TopologyDefinition;
    expect(fingerprint(store('one'))).toBe(fingerprint(store('two')));
  });

  it.each<[string, TopologyDefinition]>([
    ['version', { ...sound, version: 2 }],
    ['schema', { ...sound, stores: { ...sound.stores, last: { value: 'int', ttlMs: 5_000 } } }],
    ['time to live', { ...sound, stores: { ...sound.stores, last: { value: 'long', ttlMs: 5_001 } } }],
    [
      'kind',
      { ...sound, stores: { ...sound.stores, totals: { kind: 'session', value: 'long', retentionMs: 60_000 } } },
    ],
    ['users', withNode('watch', { stores: ['visits', 'last'] })],
    ['inputs', withNode('watch', { inputs: ['total', 'by-day'] })],
    ['topic', { ...sound, sources: { ...sound.sources, orders: { topic: 'shop.orders-2', value: 'long' } } }],
  ])('changes with a %s upstream', (_what, changed) => {
    expect(fingerprint(changed)).not.toBe(fingerprint(sound));
  });

  it('stays where only what lies downstream of the state changes', () => {
    const sink = {
      ...sound,
      sinks: { ...sound.sinks, more: { inputs: ['watch'], topic: 'shop.more', value: 'long' } },
    };
    expect(fingerprint(sink)).toBe(fingerprint(sound));
    const later = { ...sink, processors: { ...sink.processors, later: { inputs: ['watch'], create } } };
    expect(fingerprint(later)).toBe(fingerprint(sound));
  });

  it('tells each store on its own', () => {
    const before = stateSignature(compileTopology(sound));
    const after = stateSignature(compileTopology(withNode('watch', { globals: ['rates'] })));
    const changed = [...before.keys()].filter((name) => before.get(name) !== after.get(name));
    expect(changed).toEqual(['visits']);
  });
});

describe('the description', () => {
  it('shows every kind of store, global tables and topics that feed sinks', async () => {
    await expect(describeTopology(sound)).toMatchFileSnapshot('../golden/topologies/kinds.txt');
    await expect(mermaidTopology(sound)).toMatchFileSnapshot('../golden/topologies/kinds.mermaid');
  });
});
