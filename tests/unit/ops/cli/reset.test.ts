import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModelRegistry } from '#ml/model/registry.ts';
import { reset } from '#ops/cli/reset.ts';
import { takeLock } from '#streams/kit/lock.ts';
import { modelOf } from '../../ml/model/models.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tidemark-reset-'));
  for (const name of ['kafka', 'state', 'tools', 'my-notes']) {
    mkdirSync(join(home, name));
    writeFileSync(join(home, name, 'file'), 'x');
  }
});
afterEach(() => rmSync(home, { recursive: true }));
const yes = async () => true;

describe('reset', () => {
  it('removes what Tidemark keeps, and neither tools nor what is not its own', async () => {
    expect((await reset(home, {}, yes)).join()).toContain('Removed kafka, state');
    expect(readdirSync(home).sort()).toEqual(['my-notes', 'tools']);
    expect((await reset(home, {}, yes)).join()).toContain('nothing to remove');
  });

  it('keeps models, whose events go into the new topics', async () => {
    const registry = new ModelRegistry({ folder: join(home, 'models') });
    const [event] = await registry.register(modelOf(1), { by: 'tidemark', reason: 'trained', eventTime: 1 });
    await registry.markSent(event!);
    expect(registry.unsent()).toEqual([]);
    await reset(home, {}, yes);
    expect(registry.unsent()).toEqual([event]);
  });

  it('removes nothing when the answer is no', async () => {
    await expect(reset(home, {}, async () => false)).rejects.toThrow('Nothing was removed');
    expect(existsSync(join(home, 'kafka', 'file'))).toBe(true);
  });

  it('says that services of the user are left alone', async () => {
    expect(await reset(home, { DATABASE_URL: 'postgres://x/y' }, yes)).toContainEqual(
      'DATABASE_URL is set: that service and its data are left as they are.',
    );
  });

  it('refuses while the system runs', async () => {
    const release = takeLock(join(home, 'lock'));
    await expect(reset(home, {}, yes)).rejects.toThrow(`Tidemark is running here (process ${process.pid})`);
    release();
    expect(existsSync(join(home, 'kafka', 'file'))).toBe(true);
  });

  it('sees through the lock of a dead process, and frees its own', async () => {
    writeFileSync(join(home, 'lock'), '2147483646 1');
    await reset(home, {}, yes);
    takeLock(join(home, 'lock'))();
  });
});
