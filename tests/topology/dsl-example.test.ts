import { beforeEach, describe, expect, it } from 'vitest';
import { describeTopology, mermaidTopology, TopologyTestDriver } from '#streams/index.ts';
import { wordCount } from '../../docs/examples/word-count.ts';

describe('the example of the guide', () => {
  let driver: TopologyTestDriver;
  const line = (value: string, timestampMs: number) => driver.pipe('text.lines', { key: null, value, timestampMs });
  const values = (topic: string) => driver.read(topic).map(({ key, value }) => `${key} ${value}`);

  beforeEach(() => {
    driver = new TopologyTestDriver(wordCount());
  });

  it('counts words in all', () => {
    line('To be, or not to be', 1_000);
    expect(values('text.totals')).toEqual(['to 1', 'be 1', 'or 1', 'not 1', 'to 2', 'be 2']);
    expect(driver.store('word-totals').get('be')).toBe(2);
  });

  it('counts words per minute, once the minute and its grace are over', () => {
    line('tick tick', 59_000);
    line('tock', 60_000);
    line('tick', 58_000);
    expect(values('text.minutes')).toEqual([]);
    line('tock', 70_000);
    expect(values('text.minutes')).toEqual(['tick@0/60000 tick: 3 times from 1970-01-01T00:00:00.000Z']);
    line('tick', 57_000);
    expect(driver.readLate()).toMatchObject([{ key: 'tick', timestampMs: 57_000 }]);
  });

  it('joins lookups with what was written around them', () => {
    line('a quick fox', 100_000);
    driver.pipe('text.lookups', { key: 'fox', value: 'Ann', timestampMs: 130_000 });
    driver.pipe('text.lookups', { key: 'fox', value: 'Bob', timestampMs: 130_001 });
    expect(values('text.found')).toEqual(['fox Ann: a quick fox']);
  });

  it('is described as the guide shows it', async () => {
    await expect(describeTopology(wordCount())).toMatchFileSnapshot('../golden/topologies/word-count.txt');
    await expect(mermaidTopology(wordCount())).toMatchFileSnapshot('../golden/topologies/word-count.mermaid');
  });
});
