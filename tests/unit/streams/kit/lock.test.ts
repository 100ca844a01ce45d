import { fork } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { LockHeld, takeLock } from '#streams/kit/lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-lock-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('is held until it is released', () => {
  const file = join(folder, 'one');
  const release = takeLock(file);
  expect(() => takeLock(file)).toThrow(LockHeld);
  release();
  takeLock(file)();
  expect(readdirSync(folder)).toEqual([]);
});

it('is taken from a process that is dead', () => {
  const file = join(folder, 'stale');
  writeFileSync(file, '4194304 1');
  takeLock(file)();
  expect(existsSync(file)).toBe(false);
});

it('is taken from a stranger that has got the pid of its process', () => {
  const file = join(folder, 'stranger');
  const release = takeLock(file);
  const [pid, start] = readFileSync(file, 'utf8').split(' ');
  writeFileSync(file, `${pid} ${Number(start) - 1}`);
  takeLock(file);
  release();
});

it('is held by one process at a time, however many begin at a stale one', async () => {
  const script = join(folder, 'contender.mjs');
  const lock = join(import.meta.dirname, '../../../../streams/kit/lock.ts');
  // Each counts how often it held the lock while the file that marks a holder was there already.
  writeFileSync(
    script,
    `import { closeSync, openSync, rmSync } from 'node:fs';
    import { takeLock } from ${JSON.stringify(lock)};
    const [file, mark] = process.argv.slice(2);
    let taken = 0; let clashes = 0;
    for (const end = Date.now() + 1500; Date.now() < end; ) {
      let release; try { release = takeLock(file); } catch { continue; }
      taken++;
      try { closeSync(openSync(mark, 'wx')); rmSync(mark); } catch { clashes++; }
      release();
    }
    process.send({ taken, clashes });`,
  );
  const file = join(folder, 'contended');
  writeFileSync(file, '4194304 1');
  const results = await Promise.all(
    [1, 2, 3].map(
      () =>
        new Promise<{ taken: number; clashes: number }>((resolve) => {
          fork(script, [file, join(folder, 'mark')], { execArgv: [] }).once('message', (result) =>
            resolve(result as never),
          );
        }),
    ),
  );
  expect(results.reduce((sum, { clashes }) => sum + clashes, 0)).toBe(0);
  expect(results.reduce((sum, { taken }) => sum + taken, 0)).toBeGreaterThan(100);
}, 20_000);
