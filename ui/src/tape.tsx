import { directionOf, formatMinute, formatNumber, formatPrice } from './format.ts';
import { type TapeRow, useStore } from './store.ts';

const MAX_ROWS = 40;

/** Newest trade of each instrument, the newest on top; trades of one instant stand by instrument, so that rows keep their place. */
export function Tape() {
  const trades = useStore((state) => state.trades);
  const rows = Object.values(trades)
    .sort((a, b) => {
      if (a.eventTime !== b.eventTime) return a.eventTime > b.eventTime ? -1 : 1;
      return a.instrument < b.instrument ? -1 : 1;
    })
    .slice(0, MAX_ROWS);
  return (
    <section className="panel tape" aria-labelledby="tape-title">
      <div className="panel-head">
        <h2 id="tape-title">Latest trades</h2>
        {rows[0] && <span className="label">{formatMinute(rows[0].eventTime)} UTC</span>}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section className="scroll" tabIndex={0} aria-label="Latest trades table">
        <table>
          <thead>
            <tr>
              <th scope="col">Instrument</th>
              <th scope="col">Price</th>
              <th scope="col">Size</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <TradeRow key={row.instrument} row={row} />
            ))}
            {rows.length === 0 && (
              <tr>
                <td colSpan={3} className="none">
                  No trades yet
                </td>
              </tr>
            )}
          </tbody>
        </table>
      </section>
    </section>
  );
}

const ARROWS = { up: '▲', down: '▼', flat: '' } as const;

function TradeRow({ row }: { row: TapeRow }) {
  const direction = directionOf(row.previousPrice === null ? null : row.price - row.previousPrice);
  return (
    <tr title={`${row.eventTime} · ${row.source}`}>
      <th scope="row">{row.instrument}</th>
      <td>
        <span className={`arrow ${direction}`} aria-hidden="true">
          {ARROWS[direction]}
        </span>
        {direction !== 'flat' && <span className="hidden">{direction} to </span>}
        {formatPrice(row.price)}
      </td>
      <td>{row.size === null ? '–' : formatNumber(row.size, 0)}</td>
    </tr>
  );
}
