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

/**
 * Takes a lock file for this process; one left behind by a dead process is seen through, also where a stranger has got its pid
 * since (after a reboot, in a new container). Throws {@link LockHeld}. Returns the release.
 */
export function takeLock(file: string): () => void {
  mkdirSync(dirname(file), { recursive: true });
  for (;;) {
    try {
      writeFileSync(file, `${process.pid} ${startOf(process.pid)}`, { flag: 'wx' });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const [pid = 0, start] = (readText(file) ?? '').split(' ').map(Number);
      if (isRunning(pid, '') && startOf(pid) === start) throw new LockHeld(file, pid);
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

/** When a process started, in the kernel's clock ticks since boot; 0 where there is no /proc. */
function startOf(pid: number): number {
  const stat = readText(`/proc/${pid}/stat`);
  // The second field is the command in parentheses and may hold anything; the start is the 22nd.
  return stat === null ? 0 : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
