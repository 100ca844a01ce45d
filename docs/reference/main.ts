import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * `npm run docs`: the API reference as pages, from the docstrings of what `streams/index.ts` exports. Fails where something public has
 * none, or names a type that is not public.
 */
const folder = import.meta.dirname;
const run = (command: string, ...args: readonly string[]) => {
  const { status, error } = spawnSync(command, args, { cwd: folder, stdio: 'inherit' });
  if (error) console.error(`${command} could not be run: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
};
if (!existsSync(join(folder, 'node_modules', '.package-lock.json')))
  run('npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error');
run(process.execPath, join(folder, 'node_modules', 'typedoc', 'bin', 'typedoc'), '--options', 'typedoc.json');
console.log(`Open ${join(folder, 'html', 'index.html')}`);
