import { type CSSProperties, type SubmitEvent, useEffect, useRef, useState } from 'react';
import { formatPrice } from './format.ts';
import { IndicatorChart } from './indicator-chart.ts';
import {
  GROUPS,
  INDICATOR_HISTORY,
  INDICATOR_TABLE,
  INDICATORS,
  type IndicatorDefinition,
  type IndicatorHistory,
  type StreamedIndicators,
} from './indicators-api.ts';
import { live } from './live.ts';
import { colorOf, onThemeChange } from './palette.ts';
import { useStore } from './store.ts';
import './indicators.css';

const INTERVALS = [
  ['DAY', 'Days'],
  ['HOUR', 'Hours'],
  ['MINUTE', 'Minutes'],
] as const;
/** Bars that are drawn. */
const LAST = 750;
const REFRESH_MS = 5_000;
const FIRST_CHOSEN = ['SMA(50)', 'BBANDS(20,2,2,0)', 'RSI(14)'];
const nameOf = (text: string) => text.replace(/\(.*/, '');

/** Any indicator of the table over the bars of one instrument, and what the stream says of its newest bar. */
export function IndicatorsPanel() {
  const instruments = useInstruments();
  const [wanted, setWanted] = useState<string | null>(null);
  const instrument = wanted ?? instruments[0] ?? null;
  const [interval, setInterval] = useState<string>('DAY');
  const [chosen, setChosen] = useState<readonly string[]>(FIRST_CHOSEN);
  const table = useTable();
  const { history, problem } = useHistory(instrument, interval, chosen);
  return (
    <section className="panel indicators" aria-labelledby="indicators-title">
      <div className="panel-head">
        <h2 id="indicators-title">Indicators{instrument ? ` · ${instrument}` : ''}</h2>
        <div className="controls">
          <select aria-label="Instrument" value={instrument ?? ''} onChange={({ target }) => setWanted(target.value)}>
            {instruments.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
          <select aria-label="Length of bars" value={interval} onChange={({ target }) => setInterval(target.value)}>
            {INTERVALS.map(([key, title]) => (
              <option key={key} value={key}>
                {title}
              </option>
            ))}
          </select>
        </div>
      </div>
      <Picker table={table} add={(text) => setChosen((known) => (known.includes(text) ? known : [...known, text]))} />
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <Legend
        history={history}
        chosen={chosen}
        remove={(text) => setChosen(chosen.filter((known) => known !== text))}
      />
      <Plot history={history} table={table} interval={interval} instrument={instrument} />
      {history && history.points.length === 0 && <p className="none">No final bar of this length yet</p>}
      {instrument && <Streamed instrument={instrument} />}
    </section>
  );
}

function useInstruments(): readonly string[] {
  const names = useStore((state) => Object.keys(state.trades).sort().join(' '));
  return names === '' ? [] : names.split(' ');
}

function useTable(): readonly IndicatorDefinition[] {
  const isLive = useStore((state) => state.connection === 'live');
  const [table, setTable] = useState<readonly IndicatorDefinition[]>([]);
  const isMissing = table.length === 0;
  useEffect(() => {
    if (!isLive || !isMissing) return;
    live
      .ask<{ indicatorTable: IndicatorDefinition[] }>(INDICATOR_TABLE)
      .then(({ indicatorTable }) => setTable(indicatorTable))
      // Asked again with the next connection.
      .catch(() => {});
  }, [isLive, isMissing]);
  return table;
}

/** Asked again now and then, since bars go on. */
function useHistory(instrument: string | null, interval: string, chosen: readonly string[]) {
  const isLive = useStore((state) => state.connection === 'live');
  const [history, setHistory] = useState<IndicatorHistory | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    if (!isLive || instrument === null) return;
    let isOver = false;
    const load = () =>
      live
        .ask<{ indicatorHistory: IndicatorHistory }>(INDICATOR_HISTORY, {
          instrument,
          interval,
          indicators: chosen,
          last: LAST,
        })
        .then(
          ({ indicatorHistory }) => {
            if (isOver) return;
            setHistory(indicatorHistory);
            setProblem(null);
          },
          (error: Error) => isOver || setProblem(error.message),
        );
    void load();
    const timer = globalThis.setInterval(load, REFRESH_MS);
    return () => {
      isOver = true;
      clearInterval(timer);
    };
  }, [isLive, instrument, interval, chosen]);
  return { history, problem };
}

function Picker({ table, add }: { table: readonly IndicatorDefinition[]; add: (text: string) => void }) {
  const [name, setName] = useState('MACD');
  const definition = table.find((known) => known.name === name) ?? table[0];
  if (!definition) return null;
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const values = definition.parameters.map((parameter) => form.get(parameter.name));
    add(values.length === 0 ? definition.name : `${definition.name}(${values.join(',')})`);
  };
  return (
    <form className="picker" onSubmit={submit} key={definition.name}>
      <label>
        Indicator{' '}
        <select value={definition.name} onChange={({ target }) => setName(target.value)}>
          {GROUPS.map(({ key, title }) => (
            <optgroup key={key} label={title}>
              {table
                .filter(({ group }) => group === key)
                .map((known) => (
                  <option key={known.name} value={known.name}>
                    {known.name} · {known.title}
                  </option>
                ))}
            </optgroup>
          ))}
        </select>
      </label>
      {definition.parameters.map((parameter) => (
        <label key={parameter.name}>
          {parameter.name}{' '}
          <input
            name={parameter.name}
            type="number"
            required
            step={parameter.isWhole ? 1 : 'any'}
            min={parameter.min}
            max={parameter.max}
            defaultValue={parameter.default}
          />
        </label>
      ))}
      <button type="submit">Add</button>
    </form>
  );
}

/** Names the lines with their newest values. */
function Legend(props: {
  history: IndicatorHistory | null;
  chosen: readonly string[];
  remove: (text: string) => void;
}) {
  const { history, chosen, remove } = props;
  const newest = history?.points.at(-1)?.values;
  return (
    <ul className="legend">
      {history?.names.map((name, index) => (
        <li key={name} style={{ '--line': colorOf(index) } as CSSProperties}>
          <span className="swatch" aria-hidden="true" />
          <span className="name">{name}</span>
          <span className="value">{formatPrice(newest?.[index] ?? null)}</span>
        </li>
      ))}
      {chosen.map((text) => (
        <li key={text}>
          <button type="button" className="chip" aria-label={`Remove ${text}`} onClick={() => remove(text)}>
            {text} ×
          </button>
        </li>
      ))}
    </ul>
  );
}

function Plot(props: {
  history: IndicatorHistory | null;
  table: readonly IndicatorDefinition[];
  interval: string;
  instrument: string | null;
}) {
  const { history, table, interval, instrument } = props;
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<IndicatorChart>(undefined);
  useEffect(() => {
    const made = new IndicatorChart(box.current!);
    chart.current = made;
    const stopTheme = onThemeChange(() => made.applyTheme());
    return () => {
      stopTheme();
      made.remove();
    };
  }, []);
  useEffect(() => {
    if (!history) return;
    const overPrices = new Set(GROUPS.filter((group) => group.overPrices).map(({ key }) => key));
    const below: string[] = [];
    const paneOf = (index: number) => {
      const text = history.names[index]!.replace(/\.[^.)]*$/, '');
      const group = table.find(({ name }) => name === nameOf(text))?.group ?? 'overlap';
      if (overPrices.has(group)) return 0;
      if (!below.includes(text)) below.push(text);
      return 1 + below.indexOf(text);
    };
    chart.current?.draw(history, paneOf, interval !== 'DAY');
  }, [history, table, interval]);
  const label = `Bars of ${instrument ?? 'no instrument'} and indicators: ${history?.names.join(', ') ?? 'none yet'}`;
  return <div ref={box} className="canvas" role="img" aria-label={label} />;
}

/** The newest bar as market.indicators has it. */
function Streamed({ instrument }: { instrument: string }) {
  const isLive = useStore((state) => state.connection === 'live');
  const [newest, setNewest] = useState<StreamedIndicators | null>(null);
  useEffect(() => {
    setNewest(null);
    if (!isLive) return;
    return live.follow<StreamedIndicators>(INDICATORS, { instruments: [instrument] }, setNewest);
  }, [isLive, instrument]);
  if (!newest) return <p className="none">Nothing streamed yet</p>;
  const { startTime, interval, final, values } = newest;
  return (
    <div className="streamed">
      <p className="provenance">
        Streamed, {interval.toLowerCase()} of {startTime.slice(0, 16).replace('T', ' ')}
        {final ? '' : ', not over yet'}
      </p>
      <dl className="key-figures">
        {values.map(({ name, value }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value === 0 ? '0' : formatPrice(value)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
