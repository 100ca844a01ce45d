import type { Performance } from './api.ts';
import { Figures, Scroll } from './figures.tsx';
import { formatNumber, formatPercent } from './format.ts';
import { useStore } from './store.ts';

/** How the selected portfolio has done, from the ends of its days. */
export function PerformancePanel() {
  const performance = useStore((state) => state.performance);
  const selected = useStore((state) => state.portfolios.find(({ id }) => id === state.selected));
  return (
    <section className="panel performance" aria-labelledby="performance-title">
      <div className="panel-head">
        <h2 id="performance-title">Performance{selected ? ` · ${selected.name}` : ''}</h2>
      </div>
      {performance && performance.days > 1 ? (
        <>
          <Ratios performance={performance} />
          <Drawdowns performance={performance} />
          <p className="provenance">
            {performance.days} days, {performance.from} to {performance.to}; time-weighted, 252 days a year, alpha and
            beta against {performance.benchmark}.
          </p>
        </>
      ) : (
        <p className="none">{selected ? 'Known from the second day on' : 'No portfolio chosen'}</p>
      )}
    </section>
  );
}

function Ratios({ performance }: { performance: Performance }) {
  const { maxDrawdown } = performance;
  return (
    <Figures
      figures={[
        ['Return a year', formatPercent(performance.annualReturn, 1, true), 'Compounded, deposits left out'],
        ['Volatility', formatPercent(performance.annualVolatility, 1), 'Sample deviation a year'],
        ['Sharpe', formatNumber(performance.sharpeRatio, 2), 'Mean over deviation, annualised'],
        ['Sortino', formatNumber(performance.sortinoRatio, 2), 'Mean over downside deviation, annualised'],
        ['Calmar', formatNumber(performance.calmarRatio, 2), 'Return a year over the deepest drawdown'],
        ['Omega', formatNumber(performance.omegaRatio, 2), 'Gains over losses, day by day'],
        ['Max drawdown', formatPercent(maxDrawdown === null ? null : -maxDrawdown, 1), 'The deepest fall from a peak'],
        ['Alpha', formatPercent(performance.alpha, 1, true), 'What beta does not explain, a year'],
        ['Beta', formatNumber(performance.beta, 2), 'Slope on the benchmark'],
      ]}
    />
  );
}

function Drawdowns({ performance }: { performance: Performance }) {
  return (
    <Scroll label="Worst drawdowns">
      <table>
        <caption>Worst drawdowns</caption>
        <thead>
          <tr>
            <th scope="col">Depth</th>
            <th scope="col">Peak</th>
            <th scope="col">Trough</th>
            <th scope="col">Recovery</th>
            <th scope="col">Days</th>
          </tr>
        </thead>
        <tbody>
          {performance.worstDrawdowns.map(({ depth, peakDate, troughDate, recoveryDate, durationDays }) => (
            <tr key={peakDate}>
              <th scope="row">{formatPercent(-depth, 1)}</th>
              <td>{peakDate}</td>
              <td>{troughDate}</td>
              <td>{recoveryDate ?? 'not yet'}</td>
              <td>{formatNumber(durationDays, 0)}</td>
            </tr>
          ))}
          {performance.worstDrawdowns.length === 0 && (
            <tr>
              <td colSpan={5} className="none">
                Never below its peak
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </Scroll>
  );
}
