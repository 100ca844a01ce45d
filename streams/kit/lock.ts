import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { threadId } from 'node:worker_threads';

const STALE_GUARD_MS = 2_000;

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
  const content = `${process.pid} ${startOf(process.pid)}`;
  for (;;) {
    if (place(file, content)) return () => rmSync(file, { force: true });
    const holder = readText(file);
    if (holder === null) continue;
    const [pid = 0, start] = holder.split(' ').map(Number);
    if (isRunning(pid, '') && startOf(pid) === start) throw new LockHeld(file, pid);
    breakLock(file, holder, content);
  }
}

/** Makes a file with its content in one step, so that nobody sees it empty; false when there is one. */
function place(file: string, content: string): boolean {
  const own = `${file}.${process.pid}.${threadId}`;
  writeFileSync(own, content);
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

/** Removes a dead process's lock. One at a time, or the second would remove what the first has just taken. */
function breakLock(file: string, holder: string, content: string): void {
  const guard = `${file}.break`;
  if (!place(guard, content)) {
    // Held for microseconds: one that is old was left behind by a crash in just these.
    const ageMs = Date.now() - (statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (ageMs > STALE_GUARD_MS) rmSync(guard, { force: true });
    return;
  }
  try {
    if (readText(file) === holder) rmSync(file, { force: true });
  } finally {
    rmSync(guard, { force: true });
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
