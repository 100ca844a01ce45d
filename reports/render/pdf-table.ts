import type { Field, TypedCell } from '../model.ts';
import { GRID, MUTED } from './marks.ts';
import { LEFT, lineHeight, type Pages, type TextStyle, WIDTH } from './pdf-page.ts';
import { isNumeric, shown, titleText } from './shown.ts';

const PAD = 4;
/** Above and below. */
const PAD_Y = 2.5;
/** Between a number, which ends on the right, and a text, which begins on the left. */
const APART = 8;
/** Sizes that are tried until the columns fit. */
const SIZES = [8, 7.5, 7, 6.5, 6, 5.5];
/** Characters of one cell: what is longer is in the other formats. */
const MOST_TEXT = 400;
const LEAST_TEXT = 44;
const MOST_TITLE = 70;
/** A longer word may be broken, points. */
const MOST_WORD = 110;
/** What adding up widths may lose of them. */
const ROUNDING = 0.1;
const HEAD = '#eef2f5';

interface Column {
  readonly title: string;
  readonly texts: readonly string[];
  readonly isNumber: boolean;
  /** Texts may wrap; dates, times and numbers may not. */
  readonly isText: boolean;
  /** On both sides together, and of it on the left. */
  readonly pad: number;
  readonly padLeft: number;
}
interface Layout {
  readonly size: number;
  readonly widths: readonly number[];
}

/** A table over as many pages as it takes, with its head on each. */
export function drawTable(pages: Pages, titles: readonly Field[], rows: readonly (readonly TypedCell[])[]): void {
  const columns = columnsOf(titles, rows);
  const { size, widths } = layoutOf(pages, columns);
  const style = { size };
  const headStyle = { size, bold: true };
  const linesOf = (texts: readonly string[], of: TextStyle) =>
    texts.map((text, index) => pages.lines(text, widths[index]! - columns[index]!.pad, of));
  const draw = (cells: readonly (readonly string[])[], of: TextStyle) => {
    let x = LEFT;
    columns.forEach(({ isNumber, pad, padLeft }, index) => {
      const align = isNumber ? 'right' : 'left';
      pages.draw(cells[index]!, x + padLeft, pages.y + PAD_Y, widths[index]! - pad, { ...of, align });
      x += widths[index]!;
    });
  };
  const heads = linesOf(
    columns.map(({ title }) => title),
    headStyle,
  );
  const headHeight = rowHeight(heads, size);
  const drawHead = () => {
    pages.box(LEFT, pages.y, WIDTH, headHeight, HEAD);
    draw(heads, headStyle);
    pages.y += headHeight;
    pages.rule(pages.y, MUTED);
  };
  // The head does not stand alone at the foot of a page.
  pages.need(headHeight + 2 * lineHeight(size) + 4 * PAD_Y);
  drawHead();
  for (const row of rows.keys()) {
    const cells = linesOf(
      columns.map(({ texts }) => texts[row]!),
      style,
    );
    const height = rowHeight(cells, size);
    if (pages.need(height)) drawHead();
    draw(cells, style);
    pages.y += height;
    pages.rule(pages.y, GRID, 0.4);
  }
}

function columnsOf(titles: readonly Field[], rows: readonly (readonly TypedCell[])[]): Column[] {
  // The value column of key figures holds numbers and a few texts.
  const numbers = titles.map((title, index) => isNumeric(title) || rows.some((row) => isNumeric(row[index]!)));
  return titles.map((title, index) => {
    const padLeft = !numbers[index] && numbers[index - 1] ? PAD + APART : PAD;
    return {
      title: titleText(title),
      texts: rows.map((row) => clipped(shown(row[index]!))),
      isNumber: numbers[index]!,
      isText: title.type === 'text',
      pad: padLeft + PAD,
      padLeft,
    };
  });
}

const clipped = (text: string) => (text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text);
const rowHeight = (cells: readonly (readonly string[])[], size: number) =>
  Math.max(1, ...cells.map(({ length }) => length)) * lineHeight(size) + 2 * PAD_Y;

/** The largest size at which every number stands on one line and texts have room to wrap. */
function layoutOf(pages: Pages, columns: readonly Column[]): Layout {
  for (const size of SIZES) {
    const widths = widthsAt(pages, columns, size);
    if (widths) return { size, widths };
  }
  // Too many columns even so: they share the width, and what is wider wraps.
  return { size: SIZES.at(-1)!, widths: columns.map(() => WIDTH / columns.length) };
}

function widthsAt(pages: Pages, columns: readonly Column[], size: number): number[] | null {
  const widest = (texts: readonly string[], style: TextStyle) =>
    texts.reduce((most, text) => {
      const [line] = pages.lines(text, Number.MAX_VALUE, style);
      return Math.max(most, pages.widthOf(line!, style) + ROUNDING);
    }, 0);
  // A title may wrap between its words, but need not where there is room.
  const head = { size, bold: true };
  const titles = columns.map(({ title, pad }) => widest(title.split(' '), head) + pad);
  const whole = columns.map(({ texts, pad }, index) => Math.max(titles[index]!, widest(texts, { size }) + pad));
  const roomy = whole.map((width, index) =>
    Math.max(width, Math.min(widest([columns[index]!.title], head), MOST_TITLE)),
  );
  for (const widths of [roomy, whole]) {
    const spare = WIDTH - total(widths);
    if (spare >= 0) return widths.map((width) => width + spare / columns.length);
  }
  // Words are broken only where one is very long.
  const words = columns.map(
    ({ texts, pad }) =>
      Math.min(
        MOST_WORD,
        widest(
          texts.flatMap((text) => text.split(' ')),
          { size },
        ),
      ) + pad,
  );
  const least = columns.map(({ isText }, index) =>
    isText ? Math.min(whole[index]!, Math.max(titles[index]!, words[index]!, LEAST_TEXT)) : whole[index]!,
  );
  const room = WIDTH - total(least);
  if (room < 0) return null;
  // What is left goes to the texts by what each of them lacks.
  const lack = total(whole) - total(least);
  return whole.map((width, index) => least[index]! + (lack > 0 ? (room * (width - least[index]!)) / lack : 0));
}

const total = (widths: readonly number[]) => widths.reduce((sum, width) => sum + width, 0);
