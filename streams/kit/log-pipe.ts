import { pino } from 'pino';
import type { Log } from './log.ts';

/** A log whose entries go elsewhere, one JSON text each: from a worker thread to its parent. */
export const pipeLog = (level: string, write: (entry: string) => void): Log =>
  pino({ level, base: null, timestamp: false }, { write });

/** Writes an entry of {@link pipeLog} to a log, with its level and everything that it carried. */
export function writeEntry(log: Log, entry: string): void {
  const { level, msg, ...details } = JSON.parse(entry) as { level: number; msg: string };
  const name = pino.levels.labels[level] as pino.Level;
  log[name](details, msg);
}
