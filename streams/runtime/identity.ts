import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TidemarkError } from '../kit/errors.ts';

/** A thread's lasting name: its transactional id and static group membership survive a restart. */
export interface ThreadIdentity {
  readonly id: string;
  /** Gives the folder up. */
  release(): void;
}

/**
 * Takes a thread's state folder for this process. With the id it left there a restarted thread ends its own open
 * transaction at once, instead of holding readers up until the broker's timeout. Throws STATE_LOCKED when a live process
 * holds the folder.
 */
export function takeIdentity(folder: string, prefix: string): ThreadIdentity {
  mkdirSync(folder, { recursive: true });
  const lock = join(folder, 'lock');
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const holder = Number(readFileSync(lock, 'utf8'));
      if (isOther(holder)) {
        throw new TidemarkError(
          'STATE_LOCKED',
          `The state folder ${folder} belongs to the running process ${holder}; stop it or give this one another folder`,
        );
      }
      rmSync(lock, { force: true });
    }
  }
  const file = join(folder, 'id');
  let id: string;
  try {
    id = readFileSync(file, 'utf8').trim();
  } catch {
    id = `${prefix}-${randomUUID()}`;
    writeFileSync(file, id);
  }
  return { id, release: () => rmSync(lock, { force: true }) };
}

function isOther(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    // A pid may have been given to a stranger since: only a process of ours counts.
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('node');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
