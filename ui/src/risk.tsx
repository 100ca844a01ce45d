import { useState } from 'react';
import type { Backtests, Risk, RiskTail } from './api.ts';
import { Figures, Scroll } from './figures.tsx';
import { directionOf, formatMinute, formatNumber, formatPercent } from './format.ts';
import { RiskHistory } from './risk-history.tsx';
import { useStore } from './store.ts';

const LEVELS = [0.95, 0.975, 0.99] as const;
const HORIZONS = [1, 10] as const;
const LABELS: Readonly<Record<string, string>> = {
  historical: 'Historical',
  'age-weighted': 'Age-weighted',
  normal: 'Normal',
  ewma: 'EWMA',
  'filtered-historical': 'GARCH, filtered',
  'monte-carlo': 'Monte Carlo',
};
const percentOf = (level: number) => `${Number((level * 100).toFixed(1))} %`;

const chooseLevel = (riskLevel: number) => useStore.setState({ riskLevel });

/** Risk of the selected portfolio. */
export function RiskPanel() {
  const risk = useStore((state) => state.risk);
  const selected = useStore((state) => state.portfolios.find(({ id }) => id === state.selected));
  const level = useStore((state) => state.riskLevel);
  const [horizon, setHorizon] = useState<number>(1);
  return (
    <section className="panel risk" aria-labelledby="risk-title">
      <div className="panel-head">
        <h2 id="risk-title">
          Risk{selected ? ` · ${selected.name}` : ''}
          {risk && <Behind risk={risk} />}
        </h2>
        <div className="choices">
          <Choice label="Level" options={LEVELS} value={level} name={percentOf} choose={chooseLevel} />
          <Choice
            label="Horizon"
            options={HORIZONS}
            value={horizon}
            name={(days) => (days === 1 ? '1 day' : `${days} days`)}
            choose={setHorizon}
          />
        </div>
      </div>
      {risk ? (
        <>
          <KeyFigures risk={risk} />
          <div className="risk-grid">
            <Tails risk={risk} level={level} horizon={horizon} />
            <Contributions risk={risk} />
            <Shocks risk={risk} />
            <Sectors risk={risk} />
            <RiskHistory level={level} name={percentOf(level)} />
          </div>
          <Provenance risk={risk} />
        </>
      ) : (
        <p className="none">
          {selected ? 'No measures yet: they come with the first position' : 'No portfolio chosen'}
        </p>
      )}
    </section>
  );
}

/** Measures that are a day or more older than the portfolio's value: a replay may run ahead of them. */
function Behind({ risk }: { risk: Risk }) {
  const valueTime = useStore((state) => state.pnl[risk.portfolioId]?.eventTime ?? '');
  const day = risk.eventTime.slice(0, 10);
  if (valueTime.slice(0, 10) <= day) return null;
  return <span className="badge warn beside">catching up: {day}</span>;
}

function Choice(props: {
  label: string;
  options: readonly number[];
  value: number;
  name: (option: number) => string;
  choose: (option: number) => void;
}) {
  return (
    <fieldset className="choice">
      <legend className="hidden">{props.label}</legend>
      {props.options.map((option) => (
        <button key={option} type="button" aria-pressed={option === props.value} onClick={() => props.choose(option)}>
          {props.name(option)}
        </button>
      ))}
    </fieldset>
  );
}

function KeyFigures({ risk }: { risk: Risk }) {
  const { leverage, beta, averageCorrelation } = risk;
  const figures: readonly [string, string, string][] = [
    ['Gross', formatNumber(risk.grossExposure, 0), 'Sum of the absolute market values'],
    ['Net', formatNumber(risk.netExposure, 0), 'Sum of the market values, shorts negative'],
    ['Long', formatNumber(risk.longExposure, 0), 'Sum of the market values of longs'],
    ['Short', formatNumber(risk.shortExposure, 0), 'Sum of the market values of shorts'],
    ['Leverage', leverage === null ? '–' : `${formatNumber(leverage, 2)}×`, 'Gross exposure over equity'],
    ['Volatility', formatPercent(risk.volatility, 1), 'Annualised, of the scenarios over equity'],
    ['Beta', formatNumber(beta, 2), `Against ${risk.benchmark}, over equity`],
    ['Correlation', formatNumber(averageCorrelation, 2), 'Mean over the pairs of holdings'],
    ['Largest', formatPercent(risk.largestShare, 1), 'Share of gross exposure of the largest position'],
    ['Herfindahl', formatNumber(risk.herfindahl, 3), 'Sum of squared shares: 1 is a single position'],
    [
      'Liquidity',
      risk.liquidityDays === null ? '–' : `${formatNumber(risk.liquidityDays, 1)} d`,
      `Trading days to liquidate ${risk.liquidityInstrument ?? 'the slowest position'} at a fifth of what is traded; – where no sizes are known`,
    ],
  ];
  return <Figures figures={figures} />;
}

function Tails({ risk, level, horizon }: { risk: Risk; level: number; horizon: number }) {
  const backtests = useStore((state) => state.backtests);
  const rows = risk.measures.filter((tail) => tail.confidence === level && tail.horizonDays === horizon);
  const shared = sharedProblem(rows);
  return (
    <Scroll label="Value at risk by method">
      <table>
        <caption>
          VaR and ES, {percentOf(level)}, {horizon === 1 ? '1 day' : `${horizon} days`}
        </caption>
        <thead>
          <tr>
            <th scope="col">Method</th>
            <th scope="col">VaR</th>
            <th scope="col">of equity</th>
            <th scope="col">ES</th>
            <th scope="col" title="Losses above the one-day VaR among the last 250 days, and Basel's traffic light">
              Exceptions
            </th>
          </tr>
        </thead>
        <tbody>
          {shared ? (
            <tr>
              <td colSpan={5} className="none">
                {shared}
              </td>
            </tr>
          ) : (
            rows.map((tail) => <Tail key={keyOf(tail)} tail={tail} equity={risk.equity} backtests={backtests} />)
          )}
        </tbody>
      </table>
    </Scroll>
  );
}

const keyOf = ({ method, stressWindow }: RiskTail) => `${method}/${stressWindow}`;

/** The reason, in words, when one and the same keeps every method from a figure. */
function sharedProblem(rows: readonly RiskTail[]): string | null {
  const first = rows[0]?.problem ?? null;
  return first !== null && rows.every(({ problem }) => problem === first) ? sentence(first) : null;
}
/** Without the code in front. */
const sentence = (problem: string) => {
  const text = problem.replace(/^[A-Z_]+: /, '');
  return text.charAt(0).toUpperCase() + text.slice(1);
};

function Tail({ tail, equity, backtests }: { tail: RiskTail; equity: number | null; backtests: Backtests | null }) {
  const { method, stressWindow, valueAtRisk, expectedShortfall, problem, confidence } = tail;
  const result = stressWindow
    ? undefined
    : backtests?.results.find((one) => one.method === method && one.confidence === confidence);
  const label = LABELS[method] ?? method;
  return (
    <tr>
      <th scope="row" title={tail.description ?? undefined}>
        {stressWindow ? `Stressed ${stressWindow.slice(0, 4)}–${stressWindow.slice(13, 15)}` : label}
      </th>
      {valueAtRisk === null ? (
        <td colSpan={3} className="why">
          {sentence(problem ?? 'No figure')}
        </td>
      ) : (
        <>
          <td>{formatNumber(valueAtRisk, 0)}</td>
          <td>{formatPercent(equity !== null && equity > 0 ? valueAtRisk / equity : null, 2)}</td>
          <td>{formatNumber(expectedShortfall, 0)}</td>
        </>
      )}
      <td>
        {result?.zone ? (
          <span
            className={`zone ${result.zone.toLowerCase()}`}
            title={`${result.exceptions} of ${result.observations} days in all; Kupiec p ${result.kupiecP.toFixed(4)}`}
          >
            {result.recentExceptions} {result.zone.toLowerCase()}
          </span>
        ) : (
          '–'
        )}
      </td>
    </tr>
  );
}

const MOST_ROWS = 8;

function Contributions({ risk }: { risk: Risk }) {
  const { contributions, contributionConfidence } = risk;
  const rows = [...contributions].sort((a, b) => b.componentEs - a.componentEs);
  const largest = Math.max(...rows.map(({ componentEs }) => Math.abs(componentEs)), 0);
  const more = rows.length - MOST_ROWS;
  return (
    <Scroll label="Contributions by position">
      <table>
        <caption>
          What each position adds{contributionConfidence ? `, ${percentOf(contributionConfidence)}` : ''}
        </caption>
        <thead>
          <tr>
            <th scope="col">Instrument</th>
            <th scope="col" title="Its part of expected shortfall: the parts sum to the whole">
              ES
            </th>
            <th scope="col">
              <span className="hidden">Share</span>
            </th>
            <th scope="col" title="VaR less VaR without the position">
              VaR saved
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, MOST_ROWS).map(({ instrument, componentEs, incrementalVar }) => (
            <tr key={instrument}>
              <th scope="row">{instrument}</th>
              <td>{formatNumber(componentEs, 0)}</td>
              <td className="share" aria-hidden="true">
                <span
                  className={componentEs < 0 ? 'less' : ''}
                  style={{ width: `${largest > 0 ? (Math.abs(componentEs) / largest) * 100 : 0}%` }}
                />
              </td>
              <td>{formatNumber(incrementalVar, 0)}</td>
            </tr>
          ))}
          {rows.length === 0 && (
            <tr>
              <td colSpan={4} className="none">
                {whyNoContributions(risk)}
              </td>
            </tr>
          )}
        </tbody>
      </table>
      {more > 0 && <p className="more">and {more} more</p>}
    </Scroll>
  );
}

function whyNoContributions({ unpriced, grossExposure }: Risk): string {
  if (unpriced.length > 0) return 'Not known while a position has no price';
  return grossExposure === 0 ? 'Nothing is held' : 'Known with 100 days of history';
}

function Shocks({ risk }: { risk: Risk }) {
  const rows = [...risk.shocks].sort((a, b) => (a.profit ?? Infinity) - (b.profit ?? Infinity));
  const why = risk.unpriced.length > 0 ? 'no price' : 'no history';
  return (
    <Scroll label="Shocks">
      <table>
        <caption>Shocks to today’s holdings</caption>
        <thead>
          <tr>
            <th scope="col">Shock</th>
            <th scope="col">Profit</th>
            <th scope="col">of equity</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, profit }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td className={directionOf(profit)}>{profit === null ? why : formatNumber(profit, 0, true)}</td>
              <td className={directionOf(profit)}>
                {formatPercent(profit !== null && risk.equity ? profit / risk.equity : null, 1, true)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Sectors({ risk }: { risk: Risk }) {
  const { sectors } = risk;
  const total = sectors.reduce((sum, { gross }) => sum + gross, 0);
  return (
    <Scroll label="Exposure by sector">
      <table>
        <caption>Exposure by sector</caption>
        <thead>
          <tr>
            <th scope="col">Sector</th>
            <th scope="col" title="Sum of the market values, shorts negative">
              Net
            </th>
            <th scope="col" title="Sum of the absolute market values">
              Gross
            </th>
            <th scope="col" title="Share of gross exposure">
              of gross
            </th>
          </tr>
        </thead>
        <tbody>
          {sectors.map(({ sector, net, gross }) => (
            <tr key={sector}>
              <th scope="row">{sector || 'No sector known'}</th>
              <td>{formatNumber(net, 0)}</td>
              <td>{formatNumber(gross, 0)}</td>
              <td>{formatPercent(total > 0 ? gross / total : null, 1)}</td>
            </tr>
          ))}
          {sectors.length === 0 && (
            <tr>
              <td colSpan={4} className="none">
                Nothing is held
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </Scroll>
  );
}

function Provenance({ risk }: { risk: Risk }) {
  const { scenarios, historyDate, shortestHistory, unpriced } = risk;
  return (
    <p className="provenance">
      {scenarios} days of history{historyDate && ` to ${historyDate}`}
      {shortestHistory && `, cut by ${shortestHistory}`}. Exposures and historical VaR of {formatMinute(risk.eventTime)}
      , the rest of {formatMinute(risk.detailTime)} UTC.
      {unpriced.length > 0 && ` Without a price: ${unpriced.join(', ')}.`}
    </p>
  );
}
