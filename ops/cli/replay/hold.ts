import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TidemarkError } from '#streams/kit/errors.ts';
import { LockHeld, takeLock } from '#streams/kit/lock.ts';
import { stateFolder } from './run.ts';

const lockFile = (home: string, name: string) => join(stateFolder(home, name), 'lock');

/** Takes a replay for this process. Throws REPLAY_RUNNING. Returns the release. */
export function holdReplay(home: string, name: string): () => void {
  try {
    return takeLock(lockFile(home, name));
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error;
    const message = `Replay ${name} is running (process ${error.pid}): wait for it, end it with Ctrl-C where it was started, or take another --name`;
    throw new TidemarkError('REPLAY_RUNNING', message, { cause: error });
  }
}

/** The process that works on a replay, on this machine; null: none. */
export function holderOf(home: string, name: string): number | null {
  if (!existsSync(lockFile(home, name))) return null;
  try {
    takeLock(lockFile(home, name))();
    return null;
  } catch (error) {
    if (error instanceof LockHeld) return error.pid;
    throw error;
  }
}
