/** UTC days as whole numbers since 1970-01-01. */
export const DAY_MS = 86_400_000;
const DAY_MICROS = DAY_MS * 1000;

export const dayOf = (eventTimeMicros: number): number => Math.floor(eventTimeMicros / DAY_MICROS);

/** Made once each: dates are looked up for every instrument and day. */
const dates = new Map<number, string>();

/** YYYY-MM-DD. */
export function dateOf(day: number): string {
  let date = dates.get(day);
  if (date === undefined) {
    date = new Date(day * DAY_MS).toISOString().slice(0, 10);
    dates.set(day, date);
  }
  return date;
}
/** Of YYYY-MM-DD. */
export const dayOfDate = (date: string): number => Date.parse(date) / DAY_MS;
