import { loadHistory } from '#connectors/replay/history.ts';

const days = loadHistory();

/** Dates and closes of a shipped series, on the days that it has. */
export function closesOf(instrument: string): { readonly dates: string[]; readonly prices: Float64Array } {
  const known = days.flatMap(({ date, closes }) => {
    const close = closes.get(instrument);
    return close ? [{ date, price: Number(close.price) }] : [];
  });
  if (known.length === 0) throw new Error(`the shipped history has no ${instrument}`);
  return { dates: known.map(({ date }) => date), prices: Float64Array.from(known, ({ price }) => price) };
}

/** Simple returns of a shipped series, price / previous price - 1, of the last `count` days (default: all). */
export function returnsOf(instrument: string, count?: number): Float64Array {
  const { prices } = closesOf(instrument);
  const returns = prices.slice(1).map((price, index) => price / prices[index]! - 1);
  return count === undefined ? returns : returns.slice(-count);
}
