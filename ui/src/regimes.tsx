import { type PointerEvent, useEffect, useMemo, useState } from 'react';
import { formatPercent } from './format.ts';
import { live } from './live.ts';
import {
  classOf,
  heightOf,
  REGIME,
  REGIME_SPANS,
  REGIMES,
  type Regime,
  type RegimeSpans,
  titleOf,
} from './regimes-api.ts';
import { barAt, type RegimeSpan, type Ribbon, ribbonOf } from './ribbon.ts';
import { useStore } from './store.ts';
import './regimes.css';

const MARKET = 'SP500';
const REFRESH_MS = 5_000;
const HEIGHT = 72;

/** The regimes of an instrument from its first to its newest day, and what the newest is made of. */
export function RegimesPanel() {
  const newest = useNewest();
  const [wanted, setWanted] = useState<string | null>(null);
  const names = Object.keys(newest).sort((a, b) => Number(b === MARKET) - Number(a === MARKET) || (a < b ? -1 : 1));
  const instrument = wanted ?? names[0] ?? null;
  const today = instrument === null ? undefined : newest[instrument];
  const spans = useSpans(instrument);
  return (
    <section className="panel regimes" aria-labelledby="regimes-title">
      <div className="panel-head">
        <h2 id="regimes-title">Market regimes{instrument ? ` · ${instrument}` : ''}</h2>
        {names.length > 1 && (
          <label>
            Instrument{' '}
            <select value={instrument ?? ''} onChange={({ target }) => setWanted(target.value)}>
              {names.map((name) => (
                <option key={name} value={name}>
                  {name === MARKET ? `${name} (the market)` : name}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      {today ? (
        <>
          {spans.length > 0 && <RibbonView spans={spans} instrument={today.instrument} />}
          <Today regime={today} />
        </>
      ) : (
        <p className="none">No regime yet: an instrument has one from 250 daily returns on</p>
      )}
    </section>
  );
}

/** The newest day of each instrument, as the stream has it. */
function useNewest(): Readonly<Record<string, Regime>> {
  const isLive = useStore((state) => state.connection === 'live');
  const [newest, setNewest] = useState<Readonly<Record<string, Regime>>>({});
  useEffect(() => {
    if (!isLive) return;
    return live.follow<Regime>(REGIME, {}, (regime) =>
      setNewest((known) => ({ ...known, [regime.instrument]: regime })),
    );
  }, [isLive]);
  return newest;
}

/** Asked again now and then, since days go on. */
function useSpans(instrument: string | null): readonly RegimeSpan[] {
  const isLive = useStore((state) => state.connection === 'live');
  const [spans, setSpans] = useState<{ readonly of: string | null; readonly all: readonly RegimeSpan[] }>({
    of: null,
    all: [],
  });
  useEffect(() => {
    if (!isLive || instrument === null) return;
    let isOver = false;
    const load = () =>
      live.ask<RegimeSpans>(REGIME_SPANS, { instrument }).then(
        ({ regimeSpans }) => isOver || setSpans({ of: instrument, all: regimeSpans }),
        // The connection's state and the server's own errors are shown where they arise.
        () => {},
      );
    void load();
    const timer = globalThis.setInterval(load, REFRESH_MS);
    return () => {
      isOver = true;
      clearInterval(timer);
    };
  }, [isLive, instrument]);
  return spans.of === instrument ? spans.all : [];
}

function RibbonView({ spans, instrument }: { spans: readonly RegimeSpan[]; instrument: string }) {
  const ribbon = useMemo(() => ribbonOf(spans), [spans]);
  const [chosen, setChosen] = useState<number | null>(null);
  const newest = spans.length - 1;
  const index = Math.min(chosen ?? newest, newest);
  const span = spans[index]!;
  const point = ({ currentTarget, clientX }: PointerEvent<SVGSVGElement>) => {
    const { left, width } = currentTarget.getBoundingClientRect();
    setChosen(barAt(ribbon, (clientX - left) / width));
  };
  const text = `${titleOf(span.regime)}: ${span.from} to ${span.to}, ${span.days} trading days`;
  return (
    <figure className="ribbon">
      <Bars ribbon={ribbon} chosen={index} label={`Regimes of ${instrument} since ${spans[0]!.from}`} onPoint={point} />
      <div className="years" aria-hidden="true">
        {ribbon.years.map(({ at, year }) => (
          <span key={year} style={{ left: `${at * 100}%` }}>
            {year}
          </span>
        ))}
      </div>
      <input
        type="range"
        aria-label="Regime by its place in time"
        aria-valuetext={text}
        min={0}
        max={newest}
        value={index}
        onChange={({ target }) => setChosen(Number(target.value))}
      />
      <figcaption>
        <span className={`swatch ${classOf(span.regime)}`} aria-hidden="true" /> {text}
      </figcaption>
      <ul className="legend">
        {REGIMES.map(({ name, title }) => (
          <li key={name}>
            <span className={`swatch ${classOf(name)}`} aria-hidden="true" /> {title}
          </li>
        ))}
      </ul>
    </figure>
  );
}

function Bars(props: {
  ribbon: Ribbon;
  chosen: number;
  label: string;
  onPoint: (event: PointerEvent<SVGSVGElement>) => void;
}) {
  const { ribbon, chosen, label, onPoint } = props;
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 1 ${HEIGHT}`}
      preserveAspectRatio="none"
      onPointerMove={onPoint}
      onPointerDown={onPoint}
    >
      {ribbon.years.map(({ at, year }) => (
        <rect key={year} className="year" x={at} y={0} width={0.0006} height={HEIGHT} />
      ))}
      {ribbon.bars.map(({ at, width, span }, index) => {
        const height = HEIGHT * heightOf(span.regime);
        const name = `${classOf(span.regime)}${index === chosen ? ' chosen' : ''}`;
        return <rect key={span.from} className={name} x={at} y={HEIGHT - height} width={width} height={height} />;
      })}
    </svg>
  );
}

function Today({ regime }: { regime: Regime }) {
  return (
    <div className="regime-today">
      <div>
        <h3>
          {titleOf(regime.regime)}{' '}
          <span className="label">
            for {regime.days} {regime.days === 1 ? 'day' : 'days'}, as of {regime.date}
          </span>
        </h3>
        <ul className="bars">
          {regime.probabilities.map(({ regime: name, probability }) => (
            <li key={name}>
              <span>{titleOf(name)}</span>
              <span className="bar" aria-hidden="true">
                <span className={classOf(name)} style={{ width: `${probability * 100}%` }} />
              </span>
              <span className="value">{formatPercent(probability, 1)}</span>
            </li>
          ))}
        </ul>
      </div>
      <div>
        <h3>
          Volatility {formatPercent(regime.volatility, 1)}{' '}
          <span className="label">a year, forecast for the next day</span>
        </h3>
        <table>
          <thead>
            <tr>
              <th scope="col">Voter</th>
              <th scope="col">Weight</th>
              <th scope="col">Says</th>
              <th scope="col">Volatility</th>
            </tr>
          </thead>
          <tbody>
            {regime.voters.map(({ name, weight, regime: says, probability, volatility }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{formatPercent(weight, 0)}</td>
                <td>
                  {titleOf(says)} {formatPercent(probability, 0)}
                </td>
                <td>{formatPercent(volatility, 1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <p className="label">
          Of {regime.returns} daily returns{regime.classifier ? `, classifier ${regime.classifier}` : ''}
        </p>
      </div>
    </div>
  );
}
