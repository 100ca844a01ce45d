import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './paths.ts';

/** Where a downloaded tool lies, or where to put it: the home folder's `tools`, or the project's where it is there already. */
export function toolFolder(home: string, name: string): string {
  const own = join(home, 'tools', name);
  const shared = join(repositoryRoot, '.tidemark', 'tools', name);
  return !existsSync(join(own, 'complete')) && existsSync(join(shared, 'complete')) ? shared : own;
}
