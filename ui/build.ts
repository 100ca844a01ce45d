import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import react from '@vitejs/plugin-react';
import { build } from 'vite';

const ROOT = import.meta.dirname;
const OUTPUT = join(ROOT, 'dist');
/** Says which sources the built page was made from. */
const STAMP = join(OUTPUT, 'sources.sha256');

/** Hash of everything the page is made from: its files, and the exact versions of its libraries. */
function sourcesHash(): string {
  const hash = createHash('sha256');
  const files = ['index.html', 'src', 'public'].flatMap((entry) => {
    const path = join(ROOT, entry);
    if (entry.includes('.')) return [path];
    return readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name));
  });
  for (const file of [...files.sort(), import.meta.filename, join(ROOT, '..', 'package.json')]) {
    hash.update(relative(ROOT, file)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

/**
 * Builds the page into `ui/dist` and returns that folder. Does nothing when the page there is of the present sources.
 * Throws what vite throws on a source that does not compile.
 */
export async function buildUi(): Promise<string> {
  const hash = sourcesHash();
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8').trim() === hash) return OUTPUT;
  await build({
    root: ROOT,
    configFile: false,
    envDir: false,
    logLevel: 'warn',
    plugins: [react()],
    build: {
      outDir: OUTPUT,
      emptyOutDir: true,
      target: 'es2022',
      modulePreload: { polyfill: false },
      // Inlined assets would need exceptions in the page's content security policy.
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 1_000,
    },
  });
  writeFileSync(STAMP, `${hash}\n`);
  return OUTPUT;
}

if (import.meta.main) await buildUi();
