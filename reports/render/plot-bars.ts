import type { ChartSection } from '../model.ts';
import { COLORS, GRID, INK, LABEL_SIZE, label, type Mark, MUTED, type Plot, rule } from './marks.ts';
import { drawable, fitted, niceTicks, textWidth, tickLabels } from './scale.ts';
import { shown } from './shown.ts';

const BAR = 9;
const GAP = 6;
const BOTTOM = 18;
const TICKS = 5;
const NAME_SHARE = 0.32;

/** Bars that lie, one for each name and series, so that names can be read. */
export function plotBars({ axis, scale, series }: ChartSection, width: number): Plot {
  const top = 12;
  const values = series.flatMap(({ values: own }) => own.filter((value) => value !== null));
  const ticks = niceTicks(Math.min(0, ...values), Math.max(0, ...values), TICKS);
  const names = axis.values.map((name) => fitted(name, LABEL_SIZE, width * NAME_SHARE));
  const texts = series.map(({ values: own }) => own.map((value) => shown({ ...scale, value })));
  // What stands at the ends of the bars needs its room on both sides.
  const room = Math.max(...texts.flat().map((text) => textWidth(text, LABEL_SIZE))) + 6;
  const left = Math.max(...names.map((name) => textWidth(name, LABEL_SIZE))) + 8;
  const [from, to] = [left + (ticks[0]! < 0 ? room : 0), width - room];
  const x = (value: number) => from + ((drawable(value) - ticks[0]!) / (ticks.at(-1)! - ticks[0]!)) * (to - from);
  const group = series.length * BAR + GAP;
  const bottom = top + axis.values.length * group;
  const marks: Mark[] = [];
  tickLabels(ticks, scale.type).forEach((text, index) => {
    const place = x(ticks[index]!);
    marks.push(
      rule(
        [
          [place, top],
          [place, bottom],
        ],
        GRID,
      ),
      label(place, bottom + 10, text, 'middle'),
    );
  });
  names.forEach((name, place) => {
    const y = top + place * group + GAP / 2;
    marks.push(label(left - 6, y + (series.length * BAR) / 2 + 2.5, name, 'end', INK));
    series.forEach((own, index) => {
      const value = own.values[place] ?? null;
      const base = y + index * BAR;
      const [low, high] = [x(Math.min(0, value ?? 0)), x(Math.max(0, value ?? 0))];
      const color = COLORS[index % COLORS.length]!;
      marks.push({ kind: 'box', x: low, y: base + 0.5, width: high - low, height: BAR - 1, color });
      const isLeft = value !== null && value < 0;
      const text = texts[index]![place]!;
      marks.push(label(isLeft ? low - 3 : high + 3, base + BAR - 2.3, text, isLeft ? 'end' : 'start', INK));
    });
  });
  marks.push(
    rule(
      [
        [x(0), top],
        [x(0), bottom],
      ],
      MUTED,
      0.8,
    ),
    label(0, 8, scale.unit ?? ''),
  );
  let place = left;
  if (series.length > 1)
    series.forEach(({ name }, index) => {
      marks.push({ kind: 'box', x: place, y: 3, width: 8, height: 5, color: COLORS[index % COLORS.length]! });
      marks.push(label(place + 11, 8, name, 'start', INK));
      place += 11 + textWidth(name, LABEL_SIZE) + 12;
    });
  return { width, height: bottom + BOTTOM, marks };
}
