import { useEffect, useState } from 'react';
import { Scroll } from './figures.tsx';
import { formatNumber, formatPercent } from './format.ts';
import { live } from './live.ts';
import { useStore } from './store.ts';
import './predictions.css';

interface Prediction {
  readonly limitId: string;
  readonly type: string;
  readonly utilisation: number | null;
  readonly state: string;
  readonly reason: string | null;
  readonly probability1: number | null;
  readonly probability5: number | null;
  readonly probability20: number | null;
  readonly probability5m: number | null;
  readonly probability30m: number | null;
  readonly probability60m: number | null;
  readonly method: string | null;
  readonly modelVersion: string | null;
  readonly contributions: readonly { readonly group: string; readonly logOdds: number; readonly feature: string }[];
}

const PREDICTIONS = `query ($id: ID!) { predictions(portfolioId: $id) {
  limitId type utilisation state reason probability1 probability5 probability20 probability5m probability30m probability60m method modelVersion
  contributions { group logOdds feature }
} }`;
const REFRESH_MS = 2_000;
/** Of eight groups, the ones that matter most. */
const SHOWN = 3;
const REASONS: Readonly<Record<string, string>> = {
  NO_FIGURE: 'No figure',
  NO_EQUITY: 'No equity',
  NO_MODEL: 'Not foreseen: no model has seen it broken',
};
/** Shown where figures move within the day. */
const MINUTES = ['5 min', '30 min', '60 min'];

/** How probable it is that limits of the selected portfolio are broken, and why. */
export function PredictionsPanel() {
  const selected = useStore((state) => state.portfolios.find(({ id }) => id === state.selected));
  const predictions = usePredictions(selected?.id ?? null);
  const likeliest = predictions?.toSorted((a, b) => (b.probability20 ?? 2) - (a.probability20 ?? 2)) ?? [];
  const hasMinutes = likeliest.some(({ probability5m }) => probability5m !== null);
  return (
    <section className="panel predictions" aria-labelledby="predictions-title">
      <div className="panel-head">
        <h2 id="predictions-title">Breach predictions{selected ? ` · ${selected.name}` : ''}</h2>
      </div>
      {likeliest.length > 0 ? (
        <Scroll label="Predictions of breaches">
          <table>
            <thead>
              <tr>
                <th scope="col">Limit</th>
                <th scope="col">Used</th>
                {hasMinutes &&
                  MINUTES.map((heading) => (
                    <th key={heading} scope="col" title="By the pace of the last hour, without a model">
                      {heading}
                    </th>
                  ))}
                <th scope="col">1 day</th>
                <th scope="col">5 days</th>
                <th scope="col">20 days</th>
                <th scope="col" className="why">
                  Because of
                </th>
                <th scope="col">By</th>
              </tr>
            </thead>
            <tbody>
              {likeliest.map((prediction) => (
                <Row key={prediction.limitId} prediction={prediction} hasMinutes={hasMinutes} />
              ))}
            </tbody>
          </table>
        </Scroll>
      ) : (
        <p className="none">{predictions ? 'No prediction yet: a limit has one with its first figure' : 'Loading'}</p>
      )}
    </section>
  );
}

function Row({ prediction, hasMinutes }: { prediction: Prediction; hasMinutes: boolean }) {
  const { limitId, type, utilisation, state, reason, method, modelVersion, contributions } = prediction;
  const by = method === 'model' ? `model ${modelVersion}` : method === null ? '' : 'closed form, not calibrated';
  const days = [prediction.probability1, prediction.probability5, prediction.probability20];
  const minutes = [prediction.probability5m, prediction.probability30m, prediction.probability60m];
  const probabilities = hasMinutes ? [...minutes, ...days] : days;
  return (
    <tr>
      <th scope="row" title={type}>
        {limitId}
      </th>
      <td>{utilisation === null ? '–' : formatPercent(utilisation, 0)}</td>
      {state === 'PREDICTED' ? (
        probabilities.map((p, horizon) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the horizons never move
          <td key={horizon}>
            {p === null ? '–' : formatPercent(p, 1)}
            <span className="bar" style={{ width: `${(p ?? 0) * 100}%` }} />
          </td>
        ))
      ) : (
        <td colSpan={probabilities.length} className="none">
          {state === 'BROKEN' ? 'Broken now' : (REASONS[reason ?? ''] ?? reason)}
        </td>
      )}
      <td className="why">
        {contributions.slice(0, SHOWN).map(({ group, logOdds, feature }) => (
          <span key={group} className={logOdds > 0 ? 'more' : 'less'} title={`Most of it: ${feature}; log-odds`}>
            {group} {formatNumber(logOdds, 1, true)}
          </span>
        ))}
      </td>
      <td className="label">{by}</td>
    </tr>
  );
}

/** Asked again now and then; null before the first answer. */
function usePredictions(portfolioId: string | null): readonly Prediction[] | null {
  const isLive = useStore((state) => state.connection === 'live');
  const [found, setFound] = useState<{ readonly of: string; readonly all: readonly Prediction[] } | null>(null);
  useEffect(() => {
    if (!isLive || portfolioId === null) return;
    let isOver = false;
    const load = () =>
      live.ask<{ predictions: Prediction[] }>(PREDICTIONS, { id: portfolioId }).then(
        ({ predictions }) => isOver || setFound({ of: portfolioId, all: predictions }),
        // The connection's state and the server's own errors are shown where they arise.
        () => {},
      );
    void load();
    const timer = globalThis.setInterval(load, REFRESH_MS);
    return () => {
      isOver = true;
      clearInterval(timer);
    };
  }, [isLive, portfolioId]);
  return found && found.of === portfolioId ? found.all : null;
}
