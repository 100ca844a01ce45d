import { type CSSProperties, useEffect, useRef, useState } from 'react';
import { CurveChart, type Range, type Readout, type Scale } from './curve-chart.ts';
import { directionOf, formatNumber, formatPercent } from './format.ts';
import { live } from './live.ts';
import { colorOf, onThemeChange } from './palette.ts';
import { useStore } from './store.ts';

const RANGES: readonly { key: Range; title: string; label: string }[] = [
  { key: '3M', title: '3M', label: 'Last 3 months' },
  { key: '1Y', title: '1Y', label: 'Last year' },
  { key: '5Y', title: '5Y', label: 'Last 5 years' },
  { key: 'ALL', title: 'All', label: 'Everything' },
];
const SCALES: readonly { key: Scale; title: string; label: string }[] = [
  { key: 'log', title: 'Log', label: 'Logarithmic: equal steps are equal returns' },
  { key: 'linear', title: 'Linear', label: 'Equity in base currency' },
  { key: 'percent', title: '%', label: 'Change in percent since the left edge' },
];

export function Chart() {
  const portfolios = useStore((state) => state.portfolios);
  const selected = useStore((state) => state.selected);
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<CurveChart>(undefined);
  const [range, setRange] = useState<Range | null>('ALL');
  const [scale, setScale] = useState<Scale>('log');
  const [readout, setReadout] = useState<Readout | null>(null);

  useEffect(() => {
    const made = new CurveChart(box.current!, { onReadout: setReadout, onMoved: () => setRange(null) });
    chart.current = made;
    const stopListening = live.listen((id, series, change) => made.draw(id, series, change));
    const stopTheme = onThemeChange(() => made.applyTheme());
    return () => {
      stopListening();
      stopTheme();
      made.remove();
    };
  }, []);
  useEffect(
    () =>
      chart.current?.setPortfolios(
        portfolios.map(({ id }) => id),
        selected,
      ),
    [portfolios, selected],
  );
  useEffect(() => chart.current?.setRange(range), [range]);
  useEffect(() => chart.current?.setScale(scale), [scale]);

  return (
    <section className="panel chart" aria-labelledby="chart-title">
      <div className="panel-head">
        <h2 id="chart-title">Equity and drawdown</h2>
        <div className="controls">
          <Choice name="Scale" options={SCALES} value={scale} choose={setScale} />
          <Choice name="Range" options={RANGES} value={range} choose={setRange} />
        </div>
      </div>
      <Legend readout={readout} />
      <div ref={box} className="canvas" role="img" aria-label={useSummary()} />
    </section>
  );
}

function Choice<K extends string>(props: {
  name: string;
  options: readonly { key: K; title: string; label: string }[];
  value: K | null;
  choose: (key: K) => void;
}) {
  return (
    <fieldset className="choice">
      <legend className="hidden">{props.name}</legend>
      {props.options.map(({ key, title, label }) => (
        <button
          key={key}
          type="button"
          title={label}
          aria-pressed={props.value === key}
          onClick={() => props.choose(key)}
        >
          {title}
        </button>
      ))}
    </fieldset>
  );
}

/** Names the lines, with the values under the pointer, or the newest ones. */
function Legend({ readout }: { readout: Readout | null }) {
  const portfolios = useStore((state) => state.portfolios);
  const pnl = useStore((state) => state.pnl);
  return (
    <ul className="legend">
      {portfolios.map(({ id, name }, index) => {
        const point = readout ? readout.points[id] : pnl[id];
        return (
          <li key={id} style={{ '--line': colorOf(index) } as CSSProperties}>
            <span className="swatch" aria-hidden="true" />
            <span className="name">{name}</span>
            {point && (
              <>
                <span className="value">{formatNumber(point.equity, 0)}</span>
                <Drawdown of={point.drawdown} />
              </>
            )}
          </li>
        );
      })}
      {readout && <li className="when">{new Date(readout.time * 1000).toISOString().slice(0, 10)}</li>}
    </ul>
  );
}

function Drawdown({ of }: { of: number | null }) {
  const below = of === null ? null : -of;
  return <span className={`value ${directionOf(below)}`}>{formatPercent(below, 1)}</span>;
}

/** What a reader who cannot see the lines gets; coarse, so that it does not change with every tick. */
function useSummary(): string {
  return useStore((state) => {
    const parts = state.portfolios.map(({ id, name }) => {
      const pnl = state.pnl[id];
      const equity = pnl?.equity ?? null;
      if (!pnl || equity === null || pnl.drawdown === null) return `${name} without a value`;
      return `${name} ${formatNumber(equity / 1e6, 1)} million, drawdown ${formatNumber(pnl.drawdown * 100, 0)} percent`;
    });
    return `Curves of equity, and of drawdown beneath: ${parts.join('; ') || 'no data yet'}`;
  });
}
