import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { examine } from '#ops/cli/checks/index.ts';
import { findingLines } from '#ops/cli/doctor.ts';

const home = mkdtempSync(join(tmpdir(), 'tidemark-doctor-'));
afterAll(() => rmSync(home, { recursive: true }));
const free = {
  TIDEMARK_HOME: home,
  TIDEMARK_HTTP_PORT: '0',
  TIDEMARK_KAFKA_PORT: '0',
  TIDEMARK_REGISTRY_PORT: '0',
  TIDEMARK_POSTGRES_PORT: '0',
  TIDEMARK_CLICKHOUSE_PORT: '0',
};

describe('doctor', { timeout: 60_000 }, () => {
  it('lists every wrong setting', async () => {
    const findings = await examine({ ...free, TIDEMARK_SEED: 'x', TIDEMARK_SPEED: '1' });
    const settings = findings.find(({ name }) => name === 'Settings')!;
    expect(settings.ok).toBe(false);
    expect(settings.detail).toContain('TIDEMARK_SPEED is not a setting');
    expect(settings.detail).toContain('TIDEMARK_SEED="x": expected a whole number');
  });

  it('finds a port in use and names the setting to change', async () => {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    try {
      const findings = await examine({ ...free, TIDEMARK_POSTGRES_PORT: String(port) });
      expect(findings.find(({ name }) => name === `Port ${port}`)).toMatchObject({
        ok: false,
        advice: expect.stringContaining('TIDEMARK_POSTGRES_PORT=PORT'),
      });
    } finally {
      server.close();
    }
  });

  it('says which service of the user does not answer', async () => {
    const findings = await examine({
      ...free,
      SCHEMA_REGISTRY_URL: 'http://user:secret@127.0.0.1:1',
      CLICKHOUSE_URL: 'http://127.0.0.1:1',
      DATABASE_URL: 'postgres://user:secret@127.0.0.1:1/db',
    });
    for (const name of ['Registry', 'PostgreSQL', 'ClickHouse'])
      expect(findings.find((finding) => finding.name === name)).toMatchObject({ ok: false });
    expect(JSON.stringify(findings)).not.toContain('secret');
    expect(findings.some(({ name, detail }) => name.startsWith('Port') && detail.includes('PostgreSQL'))).toBe(false);
  });

  it('looks at Node and Java, and puts advice under what is wrong', async () => {
    const findings = await examine(free);
    expect(findings.map(({ name }) => name)).toEqual(expect.arrayContaining(['Node', 'npm', 'Disk', 'Java', 'Maven']));
    const lines = findingLines([
      { name: 'Node', ok: true, detail: '24' },
      { name: 'Java', ok: false, detail: 'there is no java command', advice: 'install it' },
    ]);
    expect(lines).toEqual([
      '✓ Node  24',
      '✗ Java  there is no java command',
      '        → install it',
      '',
      'One thing is wrong.',
    ]);
  });
});
