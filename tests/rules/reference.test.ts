import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from './sources.ts';

/** The first run installs the tool. */
const LIMIT_MS = 180_000;

it('documents everything that the streams library exports', { timeout: LIMIT_MS }, () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'docs/reference/main.ts')], {
    encoding: 'utf8',
  });
  expect(`${stdout}${stderr}`).not.toMatch(/warning|error/i);
  expect(status).toBe(0);
  expect(existsSync(join(root, 'docs/reference/html/classes/KStream.html'))).toBe(true);
});
