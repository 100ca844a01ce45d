import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TidemarkError } from '#streams/kit/errors.ts';

/** A Python with the pinned packages of a benchmark's peer, in a virtual environment beside the other tools. Throws TOOL_MISSING. */
export function pythonOf(name: string, requirements: string, log: (text: string) => void): string {
  const folder = join(import.meta.dirname, '..', '..', '.tidemark', 'tools', name);
  const python = join(folder, 'bin', 'python');
  if (existsSync(join(folder, 'complete'))) return python;
  log(`making a Python environment for ${name}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const steps: [string, string[]][] = [
    ['python3', ['-m', 'venv', folder]],
    [python, ['-m', 'pip', 'install', '--quiet', '--requirement', requirements]],
  ];
  for (const [command, args] of steps) {
    const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    if (status === 0) continue;
    const advice = 'Python 3.11 or newer with venv and pip is needed (Debian: apt-get install python3-venv)';
    throw new TidemarkError(
      'TOOL_MISSING',
      `${command} ${args[0]} ${args[1]} failed. ${advice}\n${error?.message ?? stderr}`,
    );
  }
  writeFileSync(join(folder, 'complete'), '');
  return python;
}
