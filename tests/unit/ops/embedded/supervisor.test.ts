import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { repositoryRoot } from '#ops/embedded/paths.ts';
import { freePort } from '#ops/embedded/ports.ts';
import { Supervisor } from '#ops/embedded/supervisor.ts';

/** A child that says it is ready, and does what the test wants besides. */
const READY = `
  import { createServer } from 'node:http';
  createServer((request, response) => response.end('{"ready":true,"reason":null}')).listen(process.env.TIDEMARK_STATUS_PORT, '127.0.0.1');`;

describe('the supervisor', () => {
  let folder: string;
  let supervisor: Supervisor;
  let notices: string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidemark-supervisor-'));
    notices = [];
    supervisor = new Supervisor(join(folder, 'logs'), (text) => notices.push(text));
  });
  afterEach(async () => {
    supervisor.close();
    await supervisor.stop(supervisor.names, 1_000);
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(name: string, code: string, finishes = false): Promise<void> {
    const file = join(folder, `${name}.mjs`);
    writeFileSync(file, code);
    const statusPort = await freePort();
    supervisor.start({ name, file: relative(repositoryRoot, file), env: process.env, statusPort, finishes });
  }
  async function until(condition: () => boolean): Promise<void> {
    for (const deadline = Date.now() + 20_000; !condition(); await sleep(10))
      if (Date.now() > deadline) throw new Error(`waited in vain; notices: ${notices.join(' | ')}`);
  }

  it('starts a child that was killed again, and says so', async () => {
    await start('worker', READY);
    await supervisor.ready('worker', 20_000);
    const first = supervisor.pid('worker')!;
    process.kill(first, 'SIGKILL');
    await until(() => supervisor.restarts('worker') === 1 && supervisor.pid('worker') !== undefined);
    await supervisor.ready('worker', 20_000);
    expect(supervisor.pid('worker')).not.toBe(first);
    expect(notices[0]).toMatch(/^worker ended with SIGKILL; starting it again in 0.5 s \(log: .*worker\.log\)$/);
  });

  it('waits longer from death to death', async () => {
    await start('worker', 'process.exit(3)');
    await until(() => supervisor.restarts('worker') >= 3);
    expect(notices.map((notice) => /exit code 3; starting it again in (.*) s/.exec(notice)?.[1])).toEqual([
      '0.5',
      '1',
      '2',
    ]);
  });

  it('leaves a child alone that has come to its natural end', async () => {
    await start('replay', 'process.exit(0)', true);
    await supervisor.ready('replay', 20_000);
    expect(supervisor.finished('replay')).toBe(true);
    expect(supervisor.pid('replay')).toBeUndefined();
    expect(notices).toEqual([]);
  });

  it('gives a start up that fails again and again, with the last error of its log', async () => {
    const log = JSON.stringify({ level: 60, msg: 'worker failed: no such table' });
    await start('worker', `console.log(${JSON.stringify(log)}); process.exit(1)`);
    await expect(supervisor.ready('worker', 20_000)).rejects.toMatchObject({
      code: 'START_FAILED',
      message: expect.stringMatching(/^worker ended\. Its last words .*\n {2}worker failed: no such table$/),
    });
  });

  it('says what it waits for when a child does not become ready', async () => {
    const waiting = READY.replace(
      `response.end('{"ready":true,"reason":null}')`,
      `response.writeHead(503).end('{"reason":"no broker"}')`,
    );
    await start('worker', waiting);
    await expect(supervisor.ready('worker', 1_000)).rejects.toThrow('worker is not ready after 1 s (no broker)');
  });

  it('kills what does not stop by itself within the time it has', async () => {
    await start('worker', `process.on('SIGTERM', () => {});${READY}`);
    await supervisor.ready('worker', 20_000);
    const startMs = Date.now();
    await supervisor.stop(['worker'], 300);
    expect(Date.now() - startMs).toBeLessThan(3_000);
    expect(supervisor.pid('worker')).toBeUndefined();
    expect(notices).toEqual(['worker did not stop by itself and is ended']);
  });

  it('stops a child that waits for its next start, and starts nothing once it is closed', async () => {
    await start('worker', 'process.exit(1)');
    await until(() => supervisor.restarts('worker') === 1);
    supervisor.close();
    await supervisor.stop(['worker']);
    await sleep(700);
    expect(supervisor.restarts('worker')).toBe(1);
    await expect(start('other', '')).rejects.toMatchObject({ code: 'STOPPING' });
  });
});
