import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Thrown when a live process holds a lock. */
export class LockHeld extends Error {
  override name = 'LockHeld';
  readonly pid: number;
  constructor(file: string, pid: number) {
    super(`${file} is held by the running process ${pid}`);
    this.pid = pid;
  }
}

/** Takes a lock file for this process; one left behind by a dead process is seen through. Throws {@link LockHeld}. Returns the release. */
export function takeLock(file: string): () => void {
  mkdirSync(dirname(file), { recursive: true });
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const pid = Number(readText(file));
      if (pid !== process.pid && isRunning(pid, 'node')) throw new LockHeld(file, pid);
      rmSync(file, { force: true });
    }
  }
}

/** True when a process of that id runs whose command line contains `command`: a pid may have gone to a stranger since. */
export function isRunning(pid: number, command: string): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const commandLine = readText(`/proc/${pid}/cmdline`);
  // Where there is no /proc, that it runs is all that can be known.
  return commandLine === null || commandLine.includes(command);
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
