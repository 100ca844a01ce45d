import { openSync, renameSync, statSync } from 'node:fs';

const MAX_LOG_BYTES = 32 * 1024 ** 2;

/** Opens a log for appending and returns its descriptor. One that has grown large is set aside first, in place of the last such. */
export function openLog(file: string): number {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) renameSync(file, `${file}.old`);
  return openSync(file, 'a');
}
