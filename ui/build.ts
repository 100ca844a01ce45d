import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import react from '@vitejs/plugin-react';
import { build } from 'vite';

const ROOT = import.meta.dirname;
const OUTPUT = join(ROOT, 'dist');
/** Says which sources the built page was made from. */
const STAMP = 'sources.sha256';

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
  const stamp = join(OUTPUT, STAMP);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === hash) return OUTPUT;
  // Vite lets this variable decide which React is built in: within a test it would be the slow one, for development.
  const before = process.env.NODE_ENV;
  process.env.NODE_ENV = 'production';
  // Built elsewhere and put in place whole: a server of this folder never has half a page, nor do two builds at once mix.
  const fresh = join(ROOT, '..', 'node_modules', `.tidemark-ui-${process.pid}`);
  const replaced = `${fresh}-replaced`;
  try {
    await bundle(fresh);
    writeFileSync(join(fresh, STAMP), `${hash}\n`);
    if (existsSync(OUTPUT)) renameSync(OUTPUT, replaced);
    renameSync(fresh, OUTPUT);
  } finally {
    if (before === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = before;
    for (const folder of [fresh, replaced]) rmSync(folder, { recursive: true, force: true });
  }
  return OUTPUT;
}

async function bundle(outDir: string): Promise<void> {
  await build({
    root: ROOT,
    configFile: false,
    envDir: false,
    logLevel: 'warn',
    plugins: [react()],
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2022',
      modulePreload: { polyfill: false },
      // Inlined assets would need exceptions in the page's content security policy.
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 1_000,
    },
  });
}

if (import.meta.main) await buildUi();
