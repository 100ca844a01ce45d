/** Whether this machine can train: Python and its packages. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { REQUIREMENTS, requirements } from '#ml/life/trainers.ts';

const CHECK_LIMIT_MS = 60_000;
/** Prints the names of those of its arguments that are not installed. */
const MISSING = `
import importlib.metadata, sys
def has(name):
    try:
        importlib.metadata.version(name)
        return True
    except importlib.metadata.PackageNotFoundError:
        return False
print(" ".join(name for name in sys.argv[1:] if not has(name)))
`;

/**
 * What is missing before a model can be trained, in a sentence that says what to do; null: nothing. `python`: command or path
 * (TIDEMARK_PYTHON). Versions that differ from the pinned ones are let pass: a model says which made it.
 */
export async function missingForTraining(python: string, wanted = requirements()): Promise<string | null> {
  const install = `${python} -m pip install -r ${REQUIREMENTS}`;
  const names = wanted.map((each) => each.split('==')[0]!);
  try {
    const { stdout } = await promisify(execFile)(python, ['-c', MISSING, ...names], { timeout: CHECK_LIMIT_MS });
    const missing = new Set(stdout.trim().split(/\s+/).filter(Boolean));
    if (missing.size === 0) return null;
    const pinned = wanted.filter((each) => missing.has(each.split('==')[0]!));
    return `Training needs Python packages that "${python}" does not have: ${pinned.join(', ')} (${install})`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such command' : `it ends with ${code}`;
    return (
      `Training needs Python 3.11 or newer, and "${python}" cannot be used: ${why}. ` +
      `Install it, or name another in TIDEMARK_PYTHON; then ${install} (${wanted.join(', ')})`
    );
  }
}
