import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TidemarkError } from '../kit/errors.ts';
import { LockHeld, takeLock } from '../kit/lock.ts';

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
  try {
    const release = takeLock(join(folder, 'lock'));
    const file = join(folder, 'id');
    if (!existsSync(file)) writeFileSync(file, `${prefix}-${randomUUID()}`);
    return { id: readFileSync(file, 'utf8').trim(), release };
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error;
    const message = `The state folder ${folder} belongs to the running process ${error.pid}; stop it or give this one another folder`;
    throw new TidemarkError('STATE_LOCKED', message, { cause: error });
  }
}
