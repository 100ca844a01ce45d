/** Scales and their labels. */

/** Values beyond are drawn there: the span between round numbers about two of them must still be finite. */
const EDGE = 4e307;
/** A span of less, or of less beside the values themselves, cannot be divided into steps. */
const LEAST_SPAN = 1e-290;
const LEAST_SHARE = 1e-12;

/** The value where a scale can have it. */
export const drawable = (value: number): number => Math.max(-EDGE, Math.min(EDGE, value));

/** Round numbers, 1, 2 or 5 times a power of ten apart, over low to high: about `count` of them, at least two. */
export function niceTicks(low: number, high: number, count: number): number[] {
  let [from, to] = [drawable(low), drawable(high)];
  const size = Math.max(Math.abs(from), Math.abs(to));
  // Of a constant half of itself on both sides.
  if (size <= LEAST_SPAN) [from, to] = [0, 1];
  else if (to - from <= size * LEAST_SHARE) [from, to] = [from - size / 2, to + size / 2];
  const rough = (to - from) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((times) => times * power >= rough * (1 - 1e-9)) ?? 10) * power;
  const [first, last] = [Math.floor(from / step + 1e-9), Math.ceil(to / step - 1e-9)];
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

const UNITS = [
  [1e12, 'T'],
  [1e9, 'B'],
  [1e6, 'M'],
  [1e4, 'k'],
] as const;

/** Labels of round numbers, in one unit, with as many decimals as tell them apart: 1.2M, 980k, 2.5 %. */
export function tickLabels(ticks: readonly number[], type: 'number' | 'share'): string[] {
  const step = Math.abs((ticks[1] ?? 1) - (ticks[0] ?? 0));
  const largest = Math.max(...ticks.map(Math.abs));
  const [size, unit] = type === 'share' ? [0.01, ' %'] : (UNITS.find(([least]) => largest >= least) ?? [1, '']);
  const divisor = unit === 'k' ? 1e3 : size;
  if (largest / divisor >= 1e6 || step / divisor < 1e-6)
    return ticks.map((tick) => (tick === 0 ? '0' : tick.toExponential(1)));
  const decimals = Math.max(0, -Math.floor(Math.log10(step / divisor) + 1e-9));
  const isShort = type === 'number' && unit !== '';
  return ticks.map((tick) => (tick === 0 && isShort ? '0' : `${zeroed(grouped(tick / divisor, decimals))}${unit}`));
}

const grouped = (value: number, decimals: number) =>
  value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
const zeroed = (text: string) => (/[1-9]/.test(text) ? text : text.replace('-', ''));

const DAY_MS = 86_400_000;
interface DateTick {
  readonly ms: number;
  readonly label: string;
}

/** Days at which years, months or weeks begin within [first, last]: at most `count`, at least one. */
export function dateTicks(firstMs: number, lastMs: number, count: number): DateTick[] {
  const day = (ms: number, letters: number) => ({ ms, label: new Date(ms).toISOString().slice(0, letters) });
  const [from, to] = [new Date(firstMs), new Date(lastMs)];
  const days = Math.round((lastMs - firstMs) / DAY_MS);
  const monthsOf = (date: Date) => date.getUTCFullYear() * 12 + date.getUTCMonth();
  for (const step of [1, 2, 7, 14]) {
    if (days / step + 1 > count) continue;
    return Array.from({ length: Math.floor(days / step) + 1 }, (_, index) => day(firstMs + index * step * DAY_MS, 10));
  }
  for (const step of [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200]) {
    const begin = Math.ceil(monthsOf(from) / step) * step;
    const ticks: DateTick[] = [];
    for (let month = begin; month <= monthsOf(to); month += step) {
      const ms = Date.UTC(Math.floor(month / 12), month % 12, 1);
      if (ms >= firstMs && ms <= lastMs) ticks.push(day(ms, step < 12 ? 7 : 4));
    }
    if (ticks.length > 0 && ticks.length <= count) return ticks;
  }
  return [day(firstMs, 10)];
}

const NARROW = /[ .,:;|!'ijl()[\]]/;
const WIDE = /[mwMW%@]/;
function letterWidth(letter: string): number {
  if (letter.codePointAt(0)! > 0x2e80) return 1;
  if (NARROW.test(letter)) return 0.3;
  if (WIDE.test(letter)) return 0.9;
  return /[A-Z]/.test(letter) ? 0.7 : 0.56;
}

/** About how wide a text is, rather too wide, in the unit of the size: no font is at hand where charts are laid out. */
export function textWidth(text: string, size: number): number {
  let width = 0;
  for (const letter of text) width += letterWidth(letter) * size;
  return width;
}

/** The text, cut with an ellipsis where it is wider than `width`. */
export function fitted(text: string, size: number, width: number): string {
  let used = 0;
  let kept = '';
  for (const letter of text) {
    used += letterWidth(letter) * size;
    if (used > width) return `${kept.trimEnd()}…`;
    if (used <= width - size) kept += letter;
  }
  return text;
}
