import { useStore } from './store.ts';

const KINDS = [
  ['daily-risk', 'Daily risk', 'VaR by method, contributions, shocks, at the end of the newest day'],
  ['limits', 'Limits', 'Utilisation and breaches'],
  ['performance', 'Performance', 'Returns, ratios, drawdowns, months and years'],
  ['best-execution', 'Best execution', 'Slippage and implementation shortfall'],
  ['market-risk-backtest', 'Market-risk backtest', "Basel's backtest of VaR over the last 250 days"],
] as const;
/** Those that a browser shows are opened beside the page, the others are kept as a file. */
const FORMATS = [
  ['pdf', 'PDF', true],
  ['html', 'HTML', true],
  ['xlsx', 'Excel', false],
  ['csv', 'CSV', false],
  ['json', 'JSON', true],
] as const;

/** Links to every report on the selected portfolio. */
export function ReportsPanel() {
  const selected = useStore((state) => state.portfolios.find(({ id }) => id === state.selected));
  return (
    <section className="panel reports" aria-labelledby="reports-title">
      <div className="panel-head">
        <h2 id="reports-title">Reports{selected ? ` · ${selected.name}` : ''}</h2>
      </div>
      {selected ? (
        <ul>
          {KINDS.map(([kind, title, about]) => (
            <li key={kind}>
              <strong title={about}>{title}</strong>
              {FORMATS.map(([format, name, isShown]) => (
                <a
                  key={format}
                  href={`/reports/${kind}.${format}?portfolio=${encodeURIComponent(selected.id)}`}
                  aria-label={`${title} as ${name}`}
                  {...(isShown ? { target: '_blank', rel: 'noreferrer' } : { download: '' })}
                >
                  {name}
                </a>
              ))}
            </li>
          ))}
        </ul>
      ) : (
        <p className="none">No portfolio chosen</p>
      )}
    </section>
  );
}
