import { AttributionPanel } from './attribution.tsx';
import { Cards } from './cards.tsx';
import { Chart } from './chart.tsx';
import { Header } from './header.tsx';
import { IndicatorsPanel } from './indicators.tsx';
import { LimitsPanel } from './limits.tsx';
import { ModelsPanel } from './models.tsx';
import { OrderBookPanel } from './order-book.tsx';
import { PerformancePanel } from './performance.tsx';
import { Positions } from './positions.tsx';
import { PredictionsPanel } from './predictions.tsx';
import { RegimesPanel } from './regimes.tsx';
import { ReportsPanel } from './reports.tsx';
import { RiskPanel } from './risk.tsx';
import { useStore } from './store.ts';
import { Tape } from './tape.tsx';

export function App() {
  const empty = useStore((state) => state.loaded && state.portfolios.length === 0);
  const problem = useStore((state) => state.problem);
  return (
    <>
      <Header />
      <main>
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        {empty ? (
          <div className="columns">
            <Empty />
            <Tape />
          </div>
        ) : (
          <>
            <Cards />
            <div className="columns">
              <Chart />
              <Tape />
            </div>
            <RiskPanel />
            <LimitsPanel />
            <PredictionsPanel />
            <PerformancePanel />
            <AttributionPanel />
            <Positions />
            <RegimesPanel />
            <IndicatorsPanel />
            <ModelsPanel />
            <ReportsPanel />
          </>
        )}
        <OrderBookPanel />
      </main>
      <Footer />
    </>
  );
}

function Empty() {
  return (
    <section className="panel empty">
      <h2>Waiting for the first portfolio</h2>
      <p>
        One appears here as soon as it has a fill or cash. The demo sends its first orders a moment after the start;
        your own come in with
      </p>
      <pre>
        npx tidemark ingest cash cash.csv{'\n'}npx tidemark ingest fills fills.csv{'\n'}npx tidemark ingest trades
        trades.csv
      </pre>
    </section>
  );
}

const ATTRIBUTION: Readonly<Record<string, string>> = {
  skfolio: 'daily closes from skfolio (BSD-3-Clause)',
  arch: 'NASDAQ Composite from arch (NCSA)',
  synthetic: 'synthetic ticks, made by a seeded generator: no market data',
  file: 'ingested files',
};

function Footer() {
  const sources = useStore((state) => state.sources);
  const known = [...new Set(sources.map((source) => ATTRIBUTION[source] ?? source))];
  return (
    <footer>
      <p>
        {known.length > 0 && <>Prices: {known.join('; ')}. </>}
        Ledger amounts are exact; hover for every digit. Equity, marks and unrealised P&amp;L are doubles.
      </p>
      <p>
        <a href="/graphql">GraphQL</a> <a href="/metrics">Metrics</a> <a href="/health/ready">Health</a>{' '}
        <a href="https://www.tradingview.com/" rel="noreferrer" target="_blank">
          Charts: TradingView Lightweight Charts™, © 2025 TradingView, Inc.
        </a>
      </p>
    </footer>
  );
}
