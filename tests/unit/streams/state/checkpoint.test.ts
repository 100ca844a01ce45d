import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { avroType } from '#streams/kit/avro.ts';
import {
  type CheckpointHeader,
  loadCheckpoint,
  readCheckpointHeader,
  writeCheckpoint,
} from '#streams/state/checkpoint.ts';
import { Table } from '#streams/state/table.ts';

const TYPE = avroType({ type: 'record', name: 'Row', fields: [{ name: 'text', type: 'string' }] });
const HEADER: CheckpointHeader = {
  clusterId: 'cluster',
  topicId: 'id',
  topic: 'words.counts.changelog',
  partition: 3,
  fingerprint: 'abc',
  offset: 17,
  writtenAtMs: 1_000,
};
const table = (rows: Iterable<readonly [string, string]> = []) => {
  const store = new Table<{ text: string }>('rows', TYPE, 1);
  for (const [key, text] of rows) store.put(key, { text });
  store.freeze(() => {});
  store.commit();
  return store;
};
const contents = (store: Table<{ text: string }>) => [...store.entries()].map(([key, { text }]) => [key, text]).sort();

describe('a checkpoint', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidemark-checkpoint-'));
    file = join(folder, 'below', 'store.checkpoint');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('gives back every committed row, and nothing of what is open', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.string(), fc.string({ maxLength: 300 }))), async (rows) => {
        const store = table(rows);
        const expected = contents(store);
        store.put('open', { text: 'not committed' });
        expect(await writeCheckpoint(file, HEADER, store)).toBe(expected.length);
        const copy = table();
        expect(await readCheckpointHeader(file)).toEqual(HEADER);
        expect(await loadCheckpoint(file, copy)).toBe(expected.length);
        expect(contents(copy)).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  it('of many rows is written while they change, and the changes behind its offset make it right', async () => {
    const store = table(Array.from({ length: 50_000 }, (_, n) => [`key-${n}`, `${'x'.repeat(n % 90)}`] as const));
    const writing = writeCheckpoint(file, HEADER, store);
    const changelog: { key: Buffer; value: Buffer | null }[] = [];
    for (let round = 0; round < 20; round++) {
      for (let n = round; n < 50_000; n += 997) {
        if (n % 3 === 0) store.delete(`key-${n}`);
        else store.put(`key-${n}`, { text: `round ${round}` });
        store.put(`new-${round}-${n}`, { text: 'new' });
      }
      store.freeze((key, from, to, value, start, end) =>
        changelog.push({
          key: Buffer.from(key.subarray(from, to)),
          value: value && Buffer.from(value.subarray(start, end)),
        }),
      );
      store.commit();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writing;
    const copy = table();
    await loadCheckpoint(file, copy);
    for (const { key, value } of changelog) copy.restore(key, 0, key.length, value, 0, value?.length ?? 0);
    expect(contents(copy)).toEqual(contents(store));
  });

  it('that is damaged anywhere is refused before the first row goes in', async () => {
    await writeCheckpoint(file, HEADER, table(Array.from({ length: 100 }, (_, n) => [`key-${n}`, 'value'] as const)));
    const whole = readFileSync(file);
    const damages = fc.oneof(
      fc.nat(whole.length - 1).map((length) => whole.subarray(0, length)),
      fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, mask]) => {
        const copy = Buffer.from(whole);
        copy[at]! ^= mask;
        return copy;
      }),
    );
    await fc.assert(
      fc.asyncProperty(damages, async (bytes) => {
        writeFileSync(file, bytes);
        const copy = table();
        await expect(loadCheckpoint(file, copy)).rejects.toMatchObject({ code: 'CHECKPOINT_DAMAGED' });
        expect(copy.size).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it('that cannot be written leaves nothing behind', async () => {
    const store = table([['key', 'value']]);
    store.committedRows = () => {
      throw new Error('the disk is full');
    };
    await expect(writeCheckpoint(file, HEADER, store)).rejects.toThrow('the disk is full');
    expect(readdirSync(join(folder, 'below'))).toEqual([]);
    expect(await readCheckpointHeader(file)).toBeNull();
  });
});
