import { describe, expect, it } from 'vitest';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { TopologyTestDriver } from '#streams/testing/driver.ts';
import { describeTopology, mermaidTopology } from '#streams/topology/describe.ts';
import { compileTopology } from '#streams/topology/topology.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';

const WORD: AvroSchema = { type: 'record', name: 'Word', fields: [{ name: 'text', type: 'string' }] };
const COUNT: AvroSchema = { type: 'record', name: 'Count', fields: [{ name: 'n', type: 'int' }] };

/** Counts words: lines are split and re-keyed by word, then counted where their key lives. */
const wordCount: TopologyDefinition = {
  name: 'word-count',
  version: 1,
  sources: { lines: { topic: 'text.lines', value: WORD, onPoison: 'DEAD_LETTER' } },
  processors: {
    split: {
      inputs: ['lines'],
      create: (context) => ({
        process: ({ value, timestampMs }: { value: { text: string }; timestampMs: number }) => {
          if (value.text === '') return context.reject('EMPTY', 'a line has no words');
          for (const text of value.text.split(' ')) context.forward('words', text, { text }, timestampMs);
        },
      }),
    },
    count: {
      inputs: ['words'],
      stores: ['counts'],
      create: (context) => {
        const counts = context.store<{ n: number }>('counts');
        return {
          process: ({ key, timestampMs }) => {
            const n = (counts.get(key!)?.n ?? 0) + 1;
            counts.put(key!, { n });
            context.forward('totals', key!, { n }, timestampMs);
          },
        };
      },
    },
  },
  stores: { counts: { value: COUNT } },
  repartitions: { words: { inputs: ['split'], value: WORD } },
  sinks: { totals: { inputs: ['count'], topic: 'text.totals', value: COUNT } },
};

describe('TopologyTestDriver', () => {
  it('runs records through repartitioning, stores and sinks', () => {
    const driver = new TopologyTestDriver(wordCount, { partitions: 3 });
    driver.pipe('text.lines', { key: 'a', value: { text: 'to be or not to be' }, timestampMs: 5 });
    const totals = driver.read<{ n: number }>('text.totals');
    expect(totals.map(({ key, value }) => `${key}=${value.n}`)).toEqual([
      'to=1',
      'be=1',
      'or=1',
      'not=1',
      'to=2',
      'be=2',
    ]);
    expect(driver.read('text.totals')).toEqual([]);
    expect(totals.every((total) => total.timestampMs === 5)).toBe(true);
  });

  it('gives back the stores of the last commit after an abort', () => {
    const driver = new TopologyTestDriver(wordCount);
    driver.pipe('text.lines', { key: 'a', value: { text: 'x y' }, timestampMs: 1 });
    driver.commit();
    driver.pipe('text.lines', { key: 'a', value: { text: 'x z' }, timestampMs: 2 });
    driver.abort();
    const counts = driver.store<{ n: number }>('counts');
    expect([...counts.entries()]).toEqual([
      ['x', { n: 1 }],
      ['y', { n: 1 }],
    ]);
  });

  it('waits for what processors prepare before a commit', async () => {
    const { split } = wordCount.processors;
    const scored: TopologyDefinition = {
      ...wordCount,
      processors: {
        split: split!,
        count: {
          inputs: ['words'],
          create: (context) => {
            const words: string[] = [];
            let lengths: number[] = [];
            return {
              process: ({ key }) => void words.push(key!),
              prepareCommit: async () => {
                lengths = await Promise.all(words.map(async (word) => word.length));
              },
              beforeCommit: () => {
                words.forEach((word, index) => {
                  context.forward('totals', word, { n: lengths[index]! }, 1);
                });
              },
            };
          },
        },
      },
      stores: {},
    };
    const driver = new TopologyTestDriver(scored);
    driver.pipe('text.lines', { key: 'a', value: { text: 'to whom' }, timestampMs: 1 });
    await driver.commitPrepared();
    expect(driver.read('text.totals').map(({ value }) => value)).toEqual([{ n: 2 }, { n: 4 }]);
  });

  it('collects rejected records with their reason', () => {
    const driver = new TopologyTestDriver(wordCount);
    driver.pipe('text.lines', { key: 'a', value: { text: '' }, timestampMs: 1 });
    expect(driver.readRejected()).toMatchObject([{ code: 'EMPTY', topic: 'text.lines' }]);
  });
});

describe('compileTopology', () => {
  it('cuts at the repartition topic', () => {
    const compiled = compileTopology(wordCount);
    expect(compiled.subTopologies.map((sub) => sub.sources.map((source) => source.topic))).toEqual([
      ['text.lines'],
      ['word-count.words.repartition'],
    ]);
    expect(compiled.subTopologies[1]!.stores[0]!.changelog).toBe('word-count.counts.changelog');
  });

  it('names every violation', () => {
    const { count } = wordCount.processors;
    const broken = {
      ...wordCount,
      name: 'Bad',
      processors: { ...wordCount.processors, count: { ...count!, inputs: ['wrds'], stores: ['countz'] } },
    };
    expect(() => compileTopology(broken)).toThrow(
      /topology "Bad"[\s\S]*reads "wrds"[\s\S]*did you mean words\?[\s\S]*"countz"[\s\S]*did you mean counts\?[\s\S]*"words" is read by nothing/,
    );
  });

  it('describes itself', () => {
    expect(describeTopology(wordCount)).toContain(
      'Processor: count (stores: [counts])\n      --> totals\n      <-- words',
    );
    expect(mermaidTopology(wordCount)).toContain('n_split --> t_word_count_words_repartition');
  });
});
