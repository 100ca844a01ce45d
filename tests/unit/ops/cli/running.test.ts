import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findSystem, homeFolder } from '#ops/cli/running.ts';

const home = mkdtempSync(join(tmpdir(), 'tidemark-running-'));
afterAll(() => rmSync(home, { recursive: true }));
const running = (pid: number) =>
  writeFileSync(
    join(home, 'running.json'),
    JSON.stringify({ pid, kafkaBrokers: ['127.0.0.1:1'], registryUrl: 'http://127.0.0.1:2' }),
  );
const own = { KAFKA_BROKERS: 'elsewhere:9092', SCHEMA_REGISTRY_URL: 'http://elsewhere:8081' };

describe('the system that a command talks to', () => {
  it('is the running one', () => {
    running(process.pid);
    expect(findSystem({ TIDEMARK_HOME: home })).toMatchObject({ kafkaBrokers: ['127.0.0.1:1'] });
    expect(findSystem({ TIDEMARK_HOME: home, KAFKA_BROKERS: '127.0.0.1:1' })).toMatchObject({
      registryUrl: 'http://127.0.0.1:2',
    });
  });

  it('is that of the settings when they name other brokers, or when none runs', () => {
    const elsewhere = { kafkaBrokers: ['elsewhere:9092'], registryUrl: 'http://elsewhere:8081' };
    running(process.pid);
    expect(findSystem({ TIDEMARK_HOME: home, ...own })).toEqual(elsewhere);
    running(2_147_483_646);
    expect(findSystem({ TIDEMARK_HOME: home, ...own })).toEqual(elsewhere);
  });

  it('is missed in words', () => {
    running(2_147_483_646);
    expect(() => findSystem({ TIDEMARK_HOME: home })).toThrow('No running Tidemark found: start one with npm start');
  });

  it('has its home in the project, wherever the command is called', () => {
    const root = resolve(import.meta.dirname, '../../../..');
    expect(homeFolder({})).toBe(join(root, '.tidemark'));
    expect(homeFolder({ TIDEMARK_HOME: 'elsewhere' })).toBe(join(root, 'elsewhere'));
    expect(homeFolder({ TIDEMARK_HOME: '/srv/tidemark' })).toBe('/srv/tidemark');
  });
});
