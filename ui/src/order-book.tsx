import { Figures, type KeyFigure, Scroll } from './figures.tsx';
import { formatMinute, formatNumber } from './format.ts';
import { decimalsOf, ladderOf } from './ladder.ts';
import { type Book, selectBook, useBooks } from './order-book-live.ts';
import './order-book.css';

/** What a reader must know of a book that is not sound, before any figure. */
const WARNINGS: Readonly<Record<Book['state'], string>> = {
  SOUND: '',
  STALE: 'Stale: an update is missing. The levels are the last known; there are no figures until a snapshot comes.',
  CROSSED: 'Crossed: the best bid is above the best ask. No figures.',
  LOCKED: 'Locked: the best bid is the best ask. No figures.',
  ONE_SIDED: 'One side is empty. No figures.',
  EMPTY: 'The book is empty.',
};

/** The order book of an instrument: levels as a ladder, and what they say. */
export function OrderBookPanel() {
  const instruments = useBooks((state) => state.instruments);
  const selected = useBooks((state) => state.selected);
  const book = useBooks((state) => state.book);
  return (
    <section className="panel order-book" aria-labelledby="order-book-title">
      <div className="panel-head">
        <h2 id="order-book-title">Order book{selected === null ? '' : ` · ${selected}`}</h2>
        {instruments && instruments.length > 1 && (
          <label>
            Instrument{' '}
            <select value={selected ?? ''} onChange={(event) => selectBook(event.target.value)}>
              {instruments.map((instrument) => (
                <option key={instrument}>{instrument}</option>
              ))}
            </select>
          </label>
        )}
        {book && (
          <span className="label">
            {formatMinute(book.eventTime)} UTC · {book.source}
          </span>
        )}
      </div>
      {book ? <BookView book={book} /> : <p className="none">{hint(instruments)}</p>}
    </section>
  );
}

const hint = (instruments: readonly string[] | null): string =>
  instruments?.length === 0 ? 'No order book yet. One comes in with npx tidemark ingest book book.csv' : 'Loading';

function BookView({ book }: { book: Book }) {
  const warning = WARNINGS[book.state];
  const levels = ladderOf(book.bids, book.asks);
  const priceDecimals = decimalsOf(
    levels.map(({ price }) => price),
    2,
  );
  const sizeDecimals = decimalsOf(
    levels.map(({ size }) => size),
    0,
  );
  return (
    <>
      <p aria-live="polite" className={warning === '' ? 'hidden' : 'book-warning'}>
        {warning === '' ? 'Sound' : warning}
      </p>
      <div className="book-grid">
        <Scroll label="Order book levels">
          <table className={book.state === 'STALE' ? 'old' : ''}>
            <thead>
              <tr>
                <th scope="col">Price</th>
                <th scope="col">Bid size</th>
                <th scope="col">Ask size</th>
              </tr>
            </thead>
            <tbody>
              {levels.map(({ side, price, size, share }) => (
                <tr key={`${side} ${price}`} className={side === 'BID' ? 'bid' : 'ask'}>
                  <th scope="row">{formatNumber(price, priceDecimals)}</th>
                  {side === 'ASK' && <td />}
                  <td>
                    {formatNumber(size, sizeDecimals)}
                    <span style={{ width: `${share * 100}%` }} />
                  </td>
                  {side === 'BID' && <td />}
                </tr>
              ))}
              {levels.length === 0 && (
                <tr>
                  <td colSpan={3} className="none">
                    No levels
                  </td>
                </tr>
              )}
            </tbody>
          </table>
        </Scroll>
        <Figures figures={figuresOf(book, priceDecimals)} />
      </div>
    </>
  );
}

function figuresOf(book: Book, decimals: number): KeyFigure[] {
  const ten = book.depths.find(({ levels }) => levels === 10);
  const band = book.bands.find(({ bps }) => bps === 10);
  return [
    ['Spread', formatNumber(book.spread, decimals), 'Best ask less best bid'],
    ['Spread, bps', formatNumber(book.spreadBps, 2), 'Of mid'],
    ['Mid', formatNumber(book.mid, decimals + 1), 'Half way between best bid and best ask'],
    [
      'Microprice',
      formatNumber(book.microprice, decimals + 2),
      'Mid weighted by sizes: nearer to the side that has less',
    ],
    ['Imbalance', formatNumber(book.imbalance, 3, true), 'Of the best sizes, from −1 (asks only) to 1 (bids only)'],
    ['Imbalance, 10', formatNumber(ten?.imbalance ?? null, 3, true), 'Of the sizes of the best ten levels'],
    ['Bids, 10 bps', formatNumber(band?.bidSize ?? null, 0), 'Units bid within 10 bps of mid'],
    ['Asks, 10 bps', formatNumber(band?.askSize ?? null, 0), 'Units asked within 10 bps of mid'],
    ['Levels', `${book.bidLevels} / ${book.askLevels}`, 'Bid and ask levels in the book'],
    ['Gaps', formatNumber(book.gaps, 0), 'How often an update was missed so far'],
  ];
}
