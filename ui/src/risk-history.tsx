import type { RiskPoint } from './api.ts';
import { formatPercent } from './format.ts';
import { useStore } from './store.ts';

const WIDTH = 600;
const HEIGHT = 80;

/** VaR over equity at the end of a day; null where either is not known. */
const shareOf = ({ valueAtRisk, equity }: RiskPoint): number | null =>
  valueAtRisk !== null && equity !== null && equity > 0 ? valueAtRisk / equity : null;

/** Historical VaR one day ahead at the ends of the days, over equity: a line with a gap where there is no figure. */
export function RiskHistory({ level, name }: { level: number; name: string }) {
  const history = useStore((state) => state.riskHistory);
  // That of another level stays in the store until this one's has come.
  const points = history?.level === level ? history.points : [];
  const shares = points.map(shareOf);
  const known = shares.filter((share) => share !== null);
  const [first, last] = [points[0], points.at(-1)];
  if (known.length < 2 || !first || !last) return null;
  const top = Math.max(...known);
  const label = `Historical VaR, ${name}, 1 day, of equity`;
  const newest = formatPercent(known.at(-1)!, 2);
  return (
    <figure className="risk-history">
      <figcaption>
        {label}: {newest} at the last day’s end
      </figcaption>
      <div className="plot">
        <span className="scale-end" aria-hidden="true">
          {formatPercent(top, 1)}
        </span>
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${label}, ${first.date} to ${last.date}; the scale ends at ${formatPercent(top, 1)}`}
        >
          <path d={lineOf(shares, top)} />
        </svg>
      </div>
      <div className="dates" aria-hidden="true">
        <span>{first.date}</span>
        <span>{last.date}</span>
      </div>
    </figure>
  );
}

function lineOf(shares: readonly (number | null)[], top: number): string {
  let line = '';
  let isOpen = false;
  for (const [index, share] of shares.entries()) {
    if (share === null) {
      isOpen = false;
      continue;
    }
    const x = (index / (shares.length - 1)) * WIDTH;
    const y = HEIGHT - (top > 0 ? share / top : 0) * (HEIGHT - 2) - 1;
    line += `${isOpen ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    isOpen = true;
  }
  return line;
}
