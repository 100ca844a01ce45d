import { directionOf, formatExact, formatNumber, formatPercent } from './format.ts';
import { live } from './live.ts';
import { colorOf } from './palette.ts';
import { useStore } from './store.ts';

/** A drawdown that fills its bar. */
const FULL_BAR = 0.5;

export function Cards() {
  const portfolios = useStore((state) => state.portfolios);
  return (
    <section className="cards" aria-label="Portfolios">
      {portfolios.map(({ id, name }, index) => (
        <Card key={id} id={id} name={name} color={colorOf(index)} />
      ))}
    </section>
  );
}

function Card({ id, name, color }: { id: string; name: string; color: string }) {
  const pnl = useStore((state) => state.pnl[id]);
  const selected = useStore((state) => state.selected === id);
  const previousEquity = pnl ? pnl.equity - pnl.dayPnl : 0;
  return (
    <button
      type="button"
      className="card"
      aria-pressed={selected}
      onClick={() => live.select(id)}
      data-portfolio={id}
      style={{ '--line': color } as React.CSSProperties}
    >
      <span className="name">
        <span className="swatch" aria-hidden="true" />
        {name}
      </span>
      {pnl ? (
        <>
          <span className="row main">
            <span className="equity">
              <span className="hidden">Equity </span>
              <span data-testid={`equity-${id}`}>{formatNumber(pnl.equity)}</span>
            </span>
            <span className={`day ${directionOf(pnl.dayPnl)}`}>
              <span className="hidden">Day P&amp;L </span>
              {formatNumber(pnl.dayPnl, 0, true)}
              <small>{formatPercent(previousEquity > 0 ? pnl.dayPnl / previousEquity : null, 2, true)}</small>
            </span>
          </span>
          <span className="figures">
            <Figure label="Cash" value={formatExact(pnl.cash)} title={pnl.cash} />
            <Figure
              label="Realised"
              value={formatExact(pnl.realizedPnl, 2, true)}
              title={pnl.realizedPnl}
              direction={directionOf(pnl.realizedPnl)}
            />
            <Figure
              label="Unrealised"
              value={formatNumber(pnl.unrealizedPnl, 2, true)}
              direction={directionOf(pnl.unrealizedPnl)}
            />
          </span>
          <span className="drawdown">
            <span className="label">Drawdown</span>
            <span className="bar" aria-hidden="true">
              <span style={{ width: `${Math.min(1, pnl.drawdown / FULL_BAR) * 100}%` }} />
            </span>
            <span className="value">{pnl.drawdown > 0 ? formatPercent(-pnl.drawdown) : 'at peak'}</span>
          </span>
          {pnl.unpricedPositions > 0 && (
            <span className="note">{pnl.unpricedPositions} positions without a price, held at cost</span>
          )}
        </>
      ) : (
        <span className="note">No value yet</span>
      )}
    </button>
  );
}

function Figure(props: { label: string; value: string; title?: string; direction?: string }) {
  return (
    <span className="figure">
      <span className="label">{props.label}</span>
      <span className={`value ${props.direction ?? ''}`} title={props.title}>
        {props.value}
      </span>
    </span>
  );
}
