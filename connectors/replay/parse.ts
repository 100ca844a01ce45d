import type { Trade } from '#schemas/generated/types.ts';
import { INSTRUMENTS } from './reference.ts';

/** One trading day of the history: the figures as they were printed, by instrument. */
export interface HistoryDay {
  /** ISO 8601, New York. */
  readonly date: string;
  readonly closes: ReadonlyMap<string, Close>;
}
interface Close {
  readonly price: string;
  /** Units traded that day; null where the series has none. */
  readonly volume: string | null;
}

/**
 * Joins the two shipped files (see data/convert.py) by date, oldest first. Throws on a header it does not know, a row of another
 * width or dates out of order: the files are ours, so anything else is a damaged checkout.
 */
export function parseHistory(closesCsv: string, nasdaqCsv: string): HistoryDay[] {
  const known = INSTRUMENTS.filter(({ instrument }) => instrument !== 'NASDAQ').map(({ instrument }) => instrument);
  const nasdaq = new Map(
    rows(nasdaqCsv, ['date', 'open', 'high', 'low', 'close', 'volume']).map(([date, , , , price, volume]) => [
      date!,
      { price: price!, volume: volume === '0' ? null : volume! },
    ]),
  );
  return rows(closesCsv, ['date', ...known]).map(([date, ...cells]) => {
    const closes = new Map<string, Close>();
    cells.forEach((price, column) => {
      if (price !== '') closes.set(known[column]!, { price, volume: null });
    });
    const composite = nasdaq.get(date!);
    if (composite) closes.set('NASDAQ', composite);
    return { date: date!, closes };
  });
}

function rows(csv: string, header: readonly string[]): string[][] {
  const [first, ...lines] = csv.trimEnd().split('\n');
  if (first !== header.join(','))
    throw new Error(`history file starts with "${first}", expected "${header.join(',')}"`);
  const cells = lines.map((line) => line.split(','));
  cells.forEach((row, index) => {
    if (row.length !== header.length) throw new Error(`history file line ${index + 2} has ${row.length} columns`);
    if (index > 0 && row[0]! <= cells[index - 1]![0]!)
      throw new Error(`history file line ${index + 2} is out of order`);
  });
  return cells;
}

const SOURCES = new Map(INSTRUMENTS.map(({ instrument, source }) => [instrument, source]));

/** The day's trades in the files' column order, each at the day's close. A close has no size, except NASDAQ's: the day's volume. */
export function tradesOf(day: HistoryDay): Trade[] {
  const eventTime = closeMicros(day.date);
  return Array.from(day.closes, ([instrument, { price, volume }]) => ({
    eventTime,
    instrument,
    price: Number(price),
    size: volume === null ? null : Number(volume),
    source: SOURCES.get(instrument)!,
    sequence: null,
  }));
}

const NEW_YORK_HOUR = new Intl.DateTimeFormat('en-US', {
  timeZone: 'America/New_York',
  hour: 'numeric',
  hourCycle: 'h23',
});

/**
 * 16:00 in New York on `date`, microseconds UTC. Clocks change at 02:00, so the offset at 20:00 UTC (15:00 or 16:00 there) is the
 * close's. Days on which the exchange closed early count as closing at 16:00 too: the history has no closing times.
 */
export function closeMicros(date: string): number {
  const eveningMs = Date.parse(`${date}T20:00:00Z`);
  const hour = Number(NEW_YORK_HOUR.format(eveningMs));
  return (eveningMs + (16 - hour) * 3_600_000) * 1000;
}
