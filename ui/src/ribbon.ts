/** Days that follow each other with one regime. */
export interface RegimeSpan {
  readonly regime: string;
  /** First and last day, ISO 8601. */
  readonly from: string;
  readonly to: string;
  readonly days: number;
}
export interface Ribbon {
  /** Places from 0 (the first day) to 1 (the end of the last). A span reaches to the beginning of the next one. */
  readonly bars: readonly { readonly at: number; readonly width: number; readonly span: RegimeSpan }[];
  readonly years: readonly { readonly at: number; readonly year: number }[];
}

/** Most years that are named on the axis. */
const MAX_YEARS = 12;
const DAY_MS = 86_400_000;
const dayOf = (date: string) => Date.parse(date) / DAY_MS;

/** Where spans and years stand along a ribbon. */
export function ribbonOf(spans: readonly RegimeSpan[]): Ribbon {
  const [first, last] = [spans[0], spans.at(-1)];
  if (!first || !last) return { bars: [], years: [] };
  const [begin, end] = [dayOf(first.from), dayOf(last.to) + 1];
  const place = (day: number) => (day - begin) / (end - begin);
  const bars = spans.map((span, index) => {
    const next = spans[index + 1];
    const at = place(dayOf(span.from));
    return { at, width: (next ? place(dayOf(next.from)) : 1) - at, span };
  });
  const [firstYear, lastYear] = [Number(first.from.slice(0, 4)) + 1, Number(last.to.slice(0, 4))];
  const step = Math.max(1, Math.ceil((lastYear - firstYear + 1) / MAX_YEARS));
  const years = [];
  for (let year = Math.ceil(firstYear / step) * step; year <= lastYear; year += step)
    years.push({ at: place(dayOf(`${year}-01-01`)), year });
  return { bars, years };
}

/** The bar at a place from 0 to 1. */
export const barAt = ({ bars }: Ribbon, at: number): number =>
  Math.max(
    0,
    bars.findLastIndex((bar) => bar.at <= at),
  );
