import type { ChartSection, Series } from '../model.ts';
import { COLORS, DASHES, GRID, INK, LABEL_SIZE, label, type Mark, MUTED, type Plot, rule } from './marks.ts';
import { dateTicks, drawable, niceTicks, textWidth, tickLabels } from './scale.ts';

const HEIGHT = 190;
const TOP = 26;
const BOTTOM = 18;
const RIGHT = 10;
const TICKS = 5;
const DATE_LABEL = 62;
const POINT_RADIUS = 2.2;
const BAR_COLOR = '#8fa3b5';
const POINT_COLOR = '#c1121f';

type Place = (value: number) => number;

/** Lines, bars and points over days. */
export function plotDays({ axis, scale, series }: ChartSection, width: number): Plot {
  const days = axis.values.map((date) => Date.parse(date));
  const values = series.flatMap(({ values: own }) => own.filter((value) => value !== null));
  const floor = series.some(({ mark }) => mark === 'bar') ? 0 : Number.POSITIVE_INFINITY;
  const low = values.reduce((least, value) => Math.min(least, value), floor);
  const high = values.reduce((most, value) => Math.max(most, value), -floor);
  const ticks = niceTicks(low, high, TICKS);
  const labels = tickLabels(ticks, scale.type);
  const left = Math.max(...labels.map((text) => textWidth(text, LABEL_SIZE))) + 8;
  const [right, bottom] = [width - RIGHT, HEIGHT - BOTTOM];
  const [from, to] = [days[0]!, days.at(-1)!];
  // A single day stands in the middle.
  const x: Place = (ms) => (to === from ? (left + right) / 2 : left + ((ms - from) / (to - from)) * (right - left));
  const [least, most] = [ticks[0]!, ticks.at(-1)!];
  const y: Place = (value) => bottom - ((drawable(value) - least) / (most - least)) * (bottom - TOP);
  const places = days.map(x);
  const marks: Mark[] = [label(0, 8, scale.unit ?? '', 'start')];
  ticks.forEach((tick, index) => {
    marks.push(
      rule(
        [
          [left, y(tick)],
          [right, y(tick)],
        ],
        tick === 0 ? MUTED : GRID,
      ),
    );
    marks.push(label(left - 4, y(tick) + 2.5, labels[index]!, 'end'));
  });
  for (const { ms, label: text } of dateTicks(from, to, Math.max(2, Math.floor((right - left) / DATE_LABEL)))) {
    marks.push(
      rule(
        [
          [x(ms), bottom],
          [x(ms), bottom + 3],
        ],
        MUTED,
      ),
    );
    const half = textWidth(text, LABEL_SIZE) / 2;
    marks.push(label(Math.min(Math.max(x(ms), left + half - 8), width - half), bottom + 12, text, 'middle'));
  }
  marks.push(
    rule(
      [
        [left, bottom],
        [right, bottom],
      ],
      INK,
    ),
  );
  // Bars below lines below points.
  for (const mark of ['bar', 'line', 'point'] as const)
    series.forEach((own, index) => {
      if (own.mark === mark) marks.push(...drawn(own, index, places, y));
    });
  return { width, height: HEIGHT, marks: [...marks, ...legend(series, left)] };
}

function drawn({ mark, values }: Series, index: number, places: readonly number[], y: Place): Mark[] {
  if (mark === 'point')
    return values.flatMap((value, at): Mark[] =>
      value === null ? [] : [{ kind: 'dot', x: places[at]!, y: y(value), radius: POINT_RADIUS, color: POINT_COLOR }],
    );
  return mark === 'bar' ? bars(values, places, y) : lines(values, index, places, y);
}

/** Of bars that fall on one point of the paper the highest and the lowest are drawn. */
function bars(values: readonly (number | null)[], places: readonly number[], y: Place): Mark[] {
  const columns = new Map<number, { x: number; low: number; high: number }>();
  values.forEach((value, at) => {
    if (value === null) return;
    const place = Math.round(places[at]! * 2);
    const column = columns.get(place) ?? { x: places[at]!, low: 0, high: 0 };
    columns.set(place, { ...column, low: Math.min(column.low, value), high: Math.max(column.high, value) });
  });
  const span = (places.at(-1)! - places[0]!) / Math.max(1, places.length - 1);
  const width = Math.min(Math.max(span * 0.7, 0.5), 12);
  return [...columns.values()].map(({ x, low, high }) => {
    return { kind: 'box', x: x - width / 2, y: y(high), width, height: y(low) - y(high), color: BAR_COLOR };
  });
}

/** Of points that fall on one point of the paper the first, the lowest, the highest and the last are drawn. */
function lines(values: readonly (number | null)[], index: number, places: readonly number[], y: Place): Mark[] {
  const color = COLORS[index % COLORS.length]!;
  const dash = DASHES[index % DASHES.length]!;
  const found: Mark[] = [];
  let run: [number, number][] = [];
  const close = () => {
    if (run.length === 1) found.push({ kind: 'dot', x: run[0]![0], y: run[0]![1], radius: 1.2, color });
    if (run.length > 1) found.push({ kind: 'line', points: thinned(run), color, width: 1.1, dash });
    run = [];
  };
  values.forEach((value, at) => {
    if (value === null) close();
    else run.push([places[at]!, y(value)]);
  });
  close();
  return found;
}

function thinned(points: readonly [number, number][]): [number, number][] {
  const columns = new Map<number, number[]>();
  points.forEach(([x], at) => {
    const place = Math.round(x * 2);
    const column = columns.get(place);
    if (column) column.push(at);
    else columns.set(place, [at]);
  });
  const height = (at: number) => points[at]![1];
  const kept = [...columns.values()].flatMap((column) => {
    const lowest = column.reduce((best, at) => (height(at) > height(best) ? at : best));
    const highest = column.reduce((best, at) => (height(at) < height(best) ? at : best));
    return [...new Set([column[0]!, lowest, highest, column.at(-1)!])].sort((a, b) => a - b);
  });
  return kept.map((at) => points[at]!);
}

function legend(series: readonly Series[], left: number): Mark[] {
  const marks: Mark[] = [];
  let x = left;
  series.forEach(({ name, mark }, index) => {
    const color = mark === 'point' ? POINT_COLOR : mark === 'bar' ? BAR_COLOR : COLORS[index % COLORS.length]!;
    if (mark === 'point') marks.push({ kind: 'dot', x: x + 7, y: 15, radius: POINT_RADIUS, color });
    else if (mark === 'bar') marks.push({ kind: 'box', x: x + 2, y: 12, width: 10, height: 6, color });
    else
      marks.push(
        rule(
          [
            [x, 15],
            [x + 14, 15],
          ],
          color,
          1.3,
          DASHES[index % DASHES.length]!,
        ),
      );
    marks.push(label(x + 18, 17.5, name, 'start', INK));
    x += 18 + textWidth(name, LABEL_SIZE) + 14;
  });
  return marks;
}
