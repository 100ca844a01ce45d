import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { buildUi } from '#ui/build.ts';

vi.setConfig({ testTimeout: 60_000 });

it('the page is built once for its sources, for production, and loads nothing from elsewhere', async () => {
  const folder = await buildUi();
  const index = join(folder, 'index.html');
  const html = readFileSync(index, 'utf8');
  const builtAtMs = statSync(index).mtimeMs;
  expect(await buildUi()).toBe(folder);
  expect(statSync(index).mtimeMs).toBe(builtAtMs);
  expect(html).not.toMatch(/(src|href)="(https?:)?\/\//);
  // The page's security policy allows no inline script or style.
  expect(html).not.toMatch(/<style|<script(?![^>]*src=)/);
  const scripts = readdirSync(join(folder, 'assets')).filter((file) => file.endsWith('.js'));
  expect(scripts).toHaveLength(1);
  expect(readFileSync(join(folder, 'assets', scripts[0]!), 'utf8')).not.toContain('Download the React DevTools');
});
