import type { Client } from 'graphql-ws';
import { create } from 'zustand';
import { follow, query } from './api.ts';
import type { BookLevel } from './ladder.ts';

interface Sides {
  readonly bidSize: number;
  readonly askSize: number;
}
/** An order book as the API tells it; figures are null and their lists empty unless it is SOUND. */
export interface Book {
  readonly instrument: string;
  readonly eventTime: string;
  readonly state: 'SOUND' | 'STALE' | 'CROSSED' | 'LOCKED' | 'ONE_SIDED' | 'EMPTY';
  readonly staleReason: string | null;
  readonly source: string;
  readonly sequence: number | null;
  readonly gaps: number;
  readonly spread: number | null;
  readonly spreadBps: number | null;
  readonly mid: number | null;
  readonly microprice: number | null;
  readonly imbalance: number | null;
  readonly bidLevels: number;
  readonly askLevels: number;
  readonly depths: readonly (Sides & { readonly levels: number; readonly imbalance: number })[];
  readonly bands: readonly (Sides & { readonly bps: number })[];
  readonly bids: readonly BookLevel[];
  readonly asks: readonly BookLevel[];
}
interface Books {
  /** Instruments that have a book; null before they are known. */
  readonly instruments: readonly string[] | null;
  readonly selected: string | null;
  /** Of the selected instrument. */
  readonly book: Book | null;
}

const INSTRUMENTS = '{ orderBookInstruments }';
const BOOK = `subscription ($instrument: String!) {
  orderBook(instrument: $instrument, conflateMs: 100) {
    instrument eventTime state staleReason source sequence gaps spread spreadBps mid microprice imbalance bidLevels askLevels
    depths { levels bidSize askSize imbalance } bands { bps bidSize askSize } bids { price size } asks { price size }
  }
}`;
/** How often it is asked whether there are books of other instruments. */
const LIST_INTERVAL_MS = 5_000;

export const useBooks = create<Books>(() => ({ instruments: null, selected: null, book: null }));

let client: Client | undefined;
let stop = () => {};

/** Follows the list of books, and the book that is chosen; the first one until another is. */
export function startBooks(connection: Client): void {
  client = connection;
  void loadInstruments();
  setInterval(() => void loadInstruments(), LIST_INTERVAL_MS);
}

/** Shows the book of an instrument. */
export function selectBook(instrument: string): void {
  if (!client || useBooks.getState().selected === instrument) return;
  stop();
  useBooks.setState({ selected: instrument, book: null });
  stop = follow<Book>(
    client,
    BOOK,
    { instrument },
    (book) => useBooks.setState({ book }),
    () => {},
  );
}

async function loadInstruments(): Promise<void> {
  try {
    const { orderBookInstruments } = await query<{ orderBookInstruments: string[] }>(client!, INSTRUMENTS);
    useBooks.setState({ instruments: orderBookInstruments });
    const [first] = orderBookInstruments;
    if (first !== undefined && useBooks.getState().selected === null) selectBook(first);
  } catch {
    // The connection's state and the server's own errors are shown where they arise.
  }
}
