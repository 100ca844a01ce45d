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
  const previousEquity = pnl && pnl.equity !== null && pnl.dayPnl !== null ? pnl.equity - pnl.dayPnl : 0;
  const dayReturn = pnl && pnl.dayPnl !== null && previousEquity > 0 ? pnl.dayPnl / previousEquity : null;
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
              <small> {pnl.baseCurrency}</small>
            </span>
            <span className={`day ${directionOf(pnl.dayPnl)}`}>
              <span className="hidden">Day P&amp;L </span>
              {formatNumber(pnl.dayPnl, 0, true)}
              <small>{formatPercent(dayReturn, 2, true)}</small>
            </span>
          </span>
          <span className="figures">
            <Figure label="Cash" value={exact(pnl.cash)} title={pnl.cash} />
            <Figure
              label="Realised"
              value={exact(pnl.realizedPnl, true)}
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
              <span style={{ width: `${Math.min(1, (pnl.drawdown ?? 0) / FULL_BAR) * 100}%` }} />
            </span>
            <span className="value">{drawdownText(pnl.drawdown)}</span>
          </span>
          {pnl.missingRates.length > 0 && (
            <span className="note">No rate for {pnl.missingRates.join(', ')}: what needs it is not known</span>
          )}
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

const exact = (amount: string | null, signed = false) => (amount === null ? '–' : formatExact(amount, 2, signed));
const drawdownText = (drawdown: number | null) =>
  drawdown === null ? '–' : drawdown > 0 ? formatPercent(-drawdown) : 'at peak';

function Figure(props: { label: string; value: string; title?: string | null; direction?: string }) {
  return (
    <span className="figure">
      <span className="label">{props.label}</span>
      <span className={`value ${props.direction ?? ''}`} title={props.title ?? undefined}>
        {props.value}
      </span>
    </span>
  );
}
