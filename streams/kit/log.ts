import { pino } from 'pino';

/** A logger of pino. */
export type Log = pino.Logger;

/** JSON lines on standard output; `TIDEMARK_LOG_LEVEL` (trace … fatal, silent) sets what is written, default info. */
export const createLog = (name: string, level = process.env.TIDEMARK_LOG_LEVEL ?? 'info'): Log =>
  pino({ name, level, base: { name }, timestamp: pino.stdTimeFunctions.isoTime });

/** Says nothing: for tests. */
export const silentLog: Log = pino({ level: 'silent' });
