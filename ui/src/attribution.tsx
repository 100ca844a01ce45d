import type { Attribution, Brinson, FactorEstimate, PnlParts } from './attribution-api.ts';
import { Scroll } from './figures.tsx';
import { directionOf, formatNumber, formatPercent } from './format.ts';
import { useStore } from './store.ts';

type Pnl = Attribution['attribution'];
type Factors = Attribution['factorRegression'];

/** Instruments shown by themselves; the others are added up. */
const MOST_ROWS = 12;

/** Where the selected portfolio's P&L of the last year came from. */
export function AttributionPanel() {
  const loaded = useStore((state) => state.attribution);
  const selected = useStore((state) => state.portfolios.find(({ id }) => id === state.selected));
  return (
    <section className="panel attribution" aria-labelledby="attribution-title">
      <div className="panel-head">
        <h2 id="attribution-title">Attribution{selected ? ` · ${selected.name}` : ''}</h2>
      </div>
      {loaded && loaded.attribution.days > 0 ? (
        <>
          <div className="attribution-grid">
            <Parts pnl={loaded.attribution} />
            <Sectors pnl={loaded.attribution} />
            <FactorTable factors={loaded.factorRegression} />
          </div>
          <Provenance attribution={loaded} />
        </>
      ) : (
        <p className="none">{selected ? 'Known with the first day that has a value' : 'No portfolio chosen'}</p>
      )}
    </section>
  );
}

/** What rounding leaves of nothing has no direction. */
const amount = (value: number | null) => (
  <td className={directionOf(value && Math.round(value))}>
    {value === null ? 'no rate' : formatNumber(value, 0, true)}
  </td>
);
const share = (value: number) => (
  <td className={directionOf(Math.round(value * 10_000))}>{formatPercent(value, 2, true)}</td>
);

function PartCells({ parts }: { parts: PnlParts }) {
  return (
    <>
      {amount(parts.price)}
      {amount(parts.dividends)}
      {amount(parts.trading)}
      {amount(parts.fees)}
      {amount(parts.pnl)}
    </>
  );
}

function Parts({ pnl }: { pnl: Pnl }) {
  const { instruments, total, baseCurrency } = pnl;
  const more = instruments.length - MOST_ROWS;
  return (
    <Scroll label="P&L by instrument">
      <table>
        <caption>P&L by instrument</caption>
        <thead>
          <tr>
            <th scope="col">Instrument</th>
            <th scope="col" title="What was held before each day, times the price's change">
              Price
            </th>
            <th scope="col" title="Received, less those paid on short positions">
              Dividends
            </th>
            <th scope="col" title="What was bought and sold, from the fills' prices to the day's last">
              Trading
            </th>
            <th scope="col" title="Commission">
              Fees
            </th>
            <th scope="col">P&L</th>
          </tr>
        </thead>
        <tbody>
          {instruments.slice(0, MOST_ROWS).map((row) => (
            <tr key={row.instrument}>
              <th scope="row">
                {row.instrument}
                {row.currency !== baseCurrency && <span className="badge beside">{row.currency}</span>}
              </th>
              <PartCells parts={row} />
            </tr>
          ))}
          {instruments.length === 0 && (
            <tr>
              <td colSpan={6} className="none">
                Nothing was held
              </td>
            </tr>
          )}
        </tbody>
        <tfoot>
          {total.other !== null && Math.abs(total.other) >= 0.5 && (
            <tr>
              <th scope="row" title="What exchange rates did to holdings and cash in other currencies">
                Other
              </th>
              <td colSpan={4} />
              {amount(total.other)}
            </tr>
          )}
          <tr>
            <th scope="row">Total, {baseCurrency}</th>
            <PartCells parts={total} />
          </tr>
        </tfoot>
      </table>
      {more > 0 && <p className="more">and {more} more</p>}
    </Scroll>
  );
}

function Sectors({ pnl }: { pnl: Pnl }) {
  const { brinson, problems } = pnl;
  return (
    <Scroll label="Effects of sectors">
      <table>
        <caption>Against {brinson ? brinson.benchmarkPortfolioId : 'a benchmark'}, by sector</caption>
        <thead>
          <tr>
            <th scope="col">Sector</th>
            <th scope="col" title="Mean share of the equity, less the benchmark's">
              Weight
            </th>
            <th scope="col" title="Of holding more or less of the sector than the benchmark">
              Allocation
            </th>
            <th scope="col" title="Of holding other things in it">
              Selection
            </th>
            <th scope="col" title="Of both at once">
              Interaction
            </th>
            <th scope="col">Total</th>
          </tr>
        </thead>
        {brinson ? <SectorRows brinson={brinson} /> : <NoSectors problems={problems} />}
      </table>
    </Scroll>
  );
}

function SectorRows({ brinson }: { brinson: Brinson }) {
  return (
    <>
      <tbody>
        {brinson.sectors.map((row) => (
          <tr key={row.sector}>
            <th scope="row">{row.sector}</th>
            <td>{formatPercent(row.portfolioWeight - row.benchmarkWeight, 1, true)}</td>
            {share(row.allocation)}
            {share(row.selection)}
            {share(row.interaction)}
            {share(row.total)}
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row" title="Trading within days, fees and exchange rates, less the benchmark's">
            Trading, fees
          </th>
          <td colSpan={4} />
          {share(brinson.other)}
        </tr>
        <tr>
          <th scope="row">Total</th>
          <td />
          {share(brinson.allocation)}
          {share(brinson.selection)}
          {share(brinson.interaction)}
          {share(brinson.activeReturn)}
        </tr>
      </tfoot>
    </>
  );
}

function NoSectors({ problems }: { problems: readonly string[] }) {
  // "brinson: CODE: sentence"
  const why = problems.find((problem) => problem.startsWith('brinson: '))?.replace(/^brinson: [A-Z_]+: /, '');
  return (
    <tbody>
      <tr>
        <td colSpan={6} className="none">
          No attribution to sectors: {why}
        </td>
      </tr>
    </tbody>
  );
}

function FactorTable({ factors }: { factors: Factors }) {
  const { intercept, coefficients, problem } = factors;
  return (
    <Scroll label="Factor regression">
      <table>
        <caption>Factors of the daily returns</caption>
        <thead>
          <tr>
            <th scope="col">Factor</th>
            <th scope="col" title="Return for one of the factor; of alpha, a day's">
              Estimate
            </th>
            <th scope="col" title="Newey-West: robust to autocorrelation and changing volatility">
              Error
            </th>
            <th scope="col" title="Estimate over error">
              t
            </th>
            <th scope="col" title="Chance of as large a t without any effect">
              p
            </th>
          </tr>
        </thead>
        <tbody>
          {intercept && <FactorRow row={{ ...intercept, name: 'Alpha a day' }} digits={5} />}
          {coefficients.map((row) => (
            <FactorRow key={row.name} row={row} digits={3} />
          ))}
          {!intercept && (
            <tr>
              <td colSpan={5} className="none">
                No regression: {problem?.replace(/^[A-Z_]+: /, '')}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </Scroll>
  );
}

function FactorRow({ row, digits }: { row: FactorEstimate; digits: number }) {
  return (
    <tr>
      <th scope="row">{row.name}</th>
      <td>{formatNumber(row.estimate, digits, true)}</td>
      <td>{formatNumber(row.standardError, digits)}</td>
      <td>{formatNumber(row.t, 2, true)}</td>
      <td>{row.p < 0.0001 ? '< 0.0001' : formatNumber(row.p, 4)}</td>
    </tr>
  );
}

function Provenance({ attribution: { attribution, factorRegression } }: { attribution: Attribution }) {
  const { brinson, problems } = attribution;
  const shown = problems.filter((problem) => !problem.startsWith('brinson: '));
  return (
    <p className="provenance">
      {attribution.days} days, {attribution.from} to {attribution.to}.
      {brinson &&
        ` ${formatPercent(brinson.portfolioReturn, 2, true)} against ${formatPercent(brinson.benchmarkReturn, 2, true)}: Brinson and Fachler day by day, linked as Cariño does.`}
      {factorRegression.rSquared !== null &&
        ` Regression of ${factorRegression.days} days: R² ${formatNumber(factorRegression.rSquared, 3)}, adjusted ${formatNumber(factorRegression.adjustedRSquared, 3)}; Newey-West, ${factorRegression.lag} lags.`}
      {shown.length > 0 && ` Note: ${shown.join('; ')}.`}
    </p>
  );
}
