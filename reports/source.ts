import type { ReadStore } from '#sinks/postgres/read.ts';
import type { ReportReads } from '#sinks/postgres/read-reports.ts';

/** Where reports take their data from. */
export interface ReportSource {
  readonly read: Pick<ReadStore, 'pnlDays' | 'dailyCloses' | 'riskHistory'>;
  readonly reports: Omit<ReportReads, 'close'>;
}

/** The days of a report, YYYY-MM-DD, both inclusive; null: open. */
export interface Period {
  readonly from: string | null;
  readonly to: string | null;
}

const DAY_MS = 86_400_000;
/** Microseconds of a day's beginning; null stays null. */
export const startMicros = (date: string | null): number | null => (date === null ? null : Date.parse(date) * 1000);
/** Microseconds of the next day's beginning. */
export const endMicros = (date: string | null): number | null =>
  date === null ? null : (Date.parse(date) + DAY_MS) * 1000;
/** The day so many days before. */
export const daysBefore = (date: string, days: number): string =>
  new Date(Date.parse(date) - days * DAY_MS).toISOString().slice(0, 10);
