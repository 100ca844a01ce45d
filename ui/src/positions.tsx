import { useMemo, useState } from 'react';
import type { Position } from './api.ts';
import {
  directionOf,
  formatExact,
  formatNumber,
  formatPercent,
  formatPrice,
  formatQuantity,
  sumExact,
} from './format.ts';
import { useStore } from './store.ts';

interface Column {
  readonly key: string;
  readonly title: string;
  /** What rows are ordered by. */
  readonly by: (position: Position) => string | number;
}

const number = (value: number | null) => value ?? Number.NEGATIVE_INFINITY;
const COLUMNS: readonly Column[] = [
  { key: 'instrument', title: 'Instrument', by: ({ instrument }) => instrument },
  { key: 'quantity', title: 'Quantity', by: ({ quantity }) => Number(quantity) },
  { key: 'averagePrice', title: 'Average', by: ({ averagePrice }) => number(averagePrice) },
  { key: 'markPrice', title: 'Mark', by: ({ markPrice }) => number(markPrice) },
  { key: 'marketValue', title: 'Value', by: ({ marketValue }) => number(marketValue) },
  { key: 'unrealizedPnl', title: 'Unrealised', by: ({ unrealizedPnl }) => number(unrealizedPnl) },
  { key: 'change', title: 'Unrealised %', by: (position) => number(changeOf(position)) },
  { key: 'realizedPnl', title: 'Realised', by: ({ realizedPnl }) => Number(realizedPnl) },
];

const isOpen = ({ quantity }: Position) => /[1-9]/.test(quantity);
const changeOf = ({ marketValue, unrealizedPnl }: Position): number | null => {
  if (marketValue === null || unrealizedPnl === null || marketValue === unrealizedPnl) return null;
  return unrealizedPnl / Math.abs(marketValue - unrealizedPnl);
};

export function Positions() {
  const positions = useStore((state) => state.positions);
  const selected = useStore((state) => state.portfolios.find(({ id }) => id === state.selected));
  const [order, setOrder] = useState({ key: 'marketValue', down: true });
  const [closed, setClosed] = useState(false);
  const all = Object.values(positions);
  const shown = useMemo(() => {
    const by = COLUMNS.find(({ key }) => key === order.key)!.by;
    const rows = Object.values(positions).filter((position) => closed || isOpen(position));
    return rows.sort((a, b) => {
      const [x, y] = [by(a), by(b)];
      const result = x < y ? -1 : x > y ? 1 : a.instrument < b.instrument ? -1 : 1;
      return order.down ? -result : result;
    });
  }, [positions, order, closed]);
  const closedCount = all.filter((position) => !isOpen(position)).length;
  return (
    <section className="panel positions" aria-labelledby="positions-title">
      <div className="panel-head">
        <h2 id="positions-title">Positions{selected ? ` · ${selected.name}` : ''}</h2>
        <label className="check">
          <input type="checkbox" checked={closed} onChange={(event) => setClosed(event.target.checked)} />
          Show closed ({closedCount})
        </label>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section className="scroll" tabIndex={0} aria-label="Positions table">
        <table>
          <thead>
            <tr>
              {COLUMNS.map(({ key, title }) => (
                <th
                  key={key}
                  scope="col"
                  aria-sort={order.key === key ? (order.down ? 'descending' : 'ascending') : 'none'}
                >
                  <button
                    type="button"
                    className="sort"
                    onClick={() => setOrder({ key, down: order.key === key ? !order.down : key !== 'instrument' })}
                  >
                    {title}
                    <span aria-hidden="true">{order.key === key ? (order.down ? ' ▾' : ' ▴') : ''}</span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((position) => (
              <Row key={position.instrument} position={position} />
            ))}
            {shown.length === 0 && (
              <tr>
                <td colSpan={COLUMNS.length} className="none">
                  {selected ? 'No open positions yet' : 'No portfolio chosen'}
                </td>
              </tr>
            )}
          </tbody>
          {all.length > 0 && <Totals all={all} />}
        </table>
      </section>
    </section>
  );
}

function Row({ position }: { position: Position }) {
  const change = changeOf(position);
  return (
    <tr className={isOpen(position) ? '' : 'flat'}>
      <th scope="row">
        {position.instrument}
        {position.unpriced && <span className="badge warn beside">no price</span>}
      </th>
      <td title={position.quantity}>{formatQuantity(position.quantity)}</td>
      <td>{formatPrice(position.averagePrice)}</td>
      <td>{formatPrice(position.markPrice)}</td>
      <td>{formatNumber(position.marketValue, 0)}</td>
      <td className={directionOf(position.unrealizedPnl)}>{formatNumber(position.unrealizedPnl, 0, true)}</td>
      <td className={directionOf(change)}>{formatPercent(change, 1, true)}</td>
      <td className={directionOf(position.realizedPnl)} title={position.realizedPnl}>
        {formatExact(position.realizedPnl, 2, true)}
      </td>
    </tr>
  );
}

function Totals({ all }: { all: readonly Position[] }) {
  const value = all.reduce((sum, { marketValue }) => sum + (marketValue ?? 0), 0);
  const unrealized = all.reduce((sum, { unrealizedPnl }) => sum + (unrealizedPnl ?? 0), 0);
  const realized = sumExact(all.map(({ realizedPnl }) => realizedPnl));
  const open = all.filter(isOpen).length;
  return (
    <tfoot>
      <tr>
        <th scope="row">Total, {open} open</th>
        <td />
        <td />
        <td />
        <td>{formatNumber(value, 0)}</td>
        <td className={directionOf(unrealized)}>{formatNumber(unrealized, 0, true)}</td>
        <td />
        <td className={directionOf(realized)} title={realized}>
          {formatExact(realized, 2, true)}
        </td>
      </tr>
    </tfoot>
  );
}
