import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KAFKA_VERSION, kafkaVersion, noteKafkaVersion } from '#ops/embedded/kafka/install.ts';

describe('the Kafka of a home', () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'tidemark-version-'));
    mkdirSync(join(home, 'kafka', 'data'), { recursive: true });
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  const formatted = () => writeFileSync(join(home, 'kafka', 'data', 'meta.properties'), '');

  it("is today's where there is no data yet", () => {
    expect(kafkaVersion(home)).toBe(KAFKA_VERSION);
  });
  it('stays that of its data, whatever today is', () => {
    noteKafkaVersion(home, '4.9.7');
    formatted();
    expect(kafkaVersion(home)).toBe('4.9.7');
  });
  it('is 4.4.0 where data was made before versions were noted: an older broker would not read it', () => {
    formatted();
    expect(kafkaVersion(home)).toBe('4.4.0');
  });
});
