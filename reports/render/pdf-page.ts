import PDFDocument from 'pdfkit';
import { writable } from './escape.ts';
import { INK, type Mark, MUTED, type Plot } from './marks.ts';
import { encodable, wrapped } from './pdf-text.ts';

/** Points. */
export const A4 = { width: 595.28, height: 841.89 } as const;
export const LEFT = 48;
export const WIDTH = A4.width - 2 * LEFT;
const TOP = 70;
const BOTTOM = A4.height - 58;
const REGULAR = 'Helvetica';
const BOLD = 'Helvetica-Bold';
const LEADING = 1.25;

export interface TextStyle {
  readonly size: number;
  readonly bold?: boolean;
  readonly color?: string;
  readonly align?: 'left' | 'right';
}

/**
 * Pages that fill from the top. Every text is laid out here, line by line, so that nothing leaves its page or its column, and nothing
 * but what it is given goes into the bytes.
 */
export class Pages {
  readonly #document: PDFKit.PDFDocument;
  readonly #bytes: Promise<Buffer>;
  /** Where the next thing goes, points from the top of the page. */
  y = TOP;
  /** Some character could not be shown. */
  lost = false;

  constructor(info: { title: string; subject: string; keywords: string; madeAt: Date }) {
    const { title, subject, keywords, madeAt } = info;
    this.#document = new PDFDocument({
      size: 'A4',
      margin: 0,
      bufferPages: true,
      pdfVersion: '1.7',
      lang: 'en',
      displayTitle: true,
      info: {
        Title: oneLine(title),
        Author: 'Tidemark',
        Subject: oneLine(subject),
        Keywords: oneLine(keywords),
        Creator: 'Tidemark',
        CreationDate: madeAt,
        ModDate: madeAt,
      },
    });
    const chunks: Buffer[] = [];
    this.#bytes = new Promise((resolve, reject) => {
      this.#document.on('data', (chunk: Buffer) => chunks.push(chunk));
      this.#document.on('end', () => resolve(Buffer.concat(chunks)));
      this.#document.on('error', reject);
    });
  }

  /** Begins a new page unless `height` is left on this one. True when it did. */
  need(height: number): boolean {
    if (this.y + height <= BOTTOM || this.y === TOP) return false;
    this.#document.addPage();
    this.y = TOP;
    return true;
  }

  widthOf(text: string, { size, bold }: TextStyle): number {
    return this.#document.font(bold ? BOLD : REGULAR, size).widthOfString(text);
  }

  /** The lines of a text within a width, in the characters that the fonts have. */
  lines(text: string, width: number, style: TextStyle): string[] {
    const { text: simple, lost } = encodable(text);
    this.lost ||= lost;
    return wrapped(simple, width, (part) => this.widthOf(part, style));
  }

  /** Lines of `lines()` below each other, from the top of the first. */
  draw(lines: readonly string[], x: number, y: number, width: number, style: TextStyle): void {
    const { size, bold, color = INK, align = 'left' } = style;
    this.#document.font(bold ? BOLD : REGULAR, size).fillColor(color);
    lines.forEach((line, index) => {
      const shift = align === 'right' ? width - this.widthOf(line, style) : 0;
      this.#document.text(line, x + shift, y + index * lineHeight(size), { lineBreak: false });
    });
  }

  /** A paragraph over the whole width; it may go on over pages. */
  paragraph(text: string, style: TextStyle, indent = 0): void {
    for (const line of this.lines(text, WIDTH - indent, style)) {
      this.need(lineHeight(style.size));
      this.draw([line], LEFT + indent, this.y, WIDTH - indent, style);
      this.y += lineHeight(style.size);
    }
  }

  rule(y: number, color: string, width = 0.5): void {
    this.#document
      .moveTo(LEFT, y)
      .lineTo(LEFT + WIDTH, y)
      .lineWidth(width)
      .strokeColor(color)
      .stroke();
  }

  box(x: number, y: number, width: number, height: number, color: string): void {
    this.#document.rect(x, y, width, height).fill(color);
  }

  /** A plot at the place where the page is; the caller has made room. */
  plot({ height, marks }: Plot): void {
    for (const mark of marks) this.#mark(mark, LEFT, this.y);
    this.y += height;
  }

  #mark(mark: Mark, left: number, top: number): void {
    const document = this.#document;
    switch (mark.kind) {
      case 'line': {
        const [first, ...rest] = mark.points;
        document.moveTo(left + first![0], top + first![1]);
        for (const [x, y] of rest) document.lineTo(left + x, top + y);
        if (mark.dash) document.dash(mark.dash[0], { space: mark.dash[1] });
        document.lineWidth(mark.width).lineJoin('round').strokeColor(mark.color).stroke();
        if (mark.dash) document.undash();
        return;
      }
      case 'box':
        document.rect(left + mark.x, top + mark.y, mark.width, mark.height).fill(mark.color);
        return;
      case 'dot':
        document.circle(left + mark.x, top + mark.y, mark.radius).fill(mark.color);
        return;
      case 'text': {
        const style = { size: mark.size, color: mark.color };
        const { text, lost } = encodable(mark.text);
        this.lost ||= lost;
        const shift = { start: 0, middle: 0.5, end: 1 }[mark.anchor] * this.widthOf(text, style);
        // Texts of a plot stand on their base line.
        this.draw([text], left + mark.x - shift, top + mark.y - mark.size * 0.75, WIDTH, style);
      }
    }
  }

  /** The head and the foot of every page, then the bytes. */
  finish(head: readonly [left: string, right: string], foot: string): Promise<Buffer> {
    const { count } = this.#document.bufferedPageRange();
    const style = { size: 7.5, color: MUTED };
    for (let page = 0; page < count; page++) {
      this.#document.switchToPage(page);
      this.#edges(head, 34, style);
      this.rule(48, MUTED);
      this.rule(A4.height - 46, MUTED);
      this.#edges([foot, `page ${page + 1} of ${count}`], A4.height - 40, style);
    }
    this.#document.end();
    return this.#bytes;
  }

  /** One line: the right text whole, the left one as far as there is room. */
  #edges([left, right]: readonly [string, string], y: number, style: TextStyle): void {
    const end = this.lines(right, WIDTH, style)[0]!;
    const room = WIDTH - this.widthOf(end, style) - 12;
    const [begin, ...rest] = this.lines(left, room, style);
    this.draw([rest.length > 0 ? `${begin!.slice(0, -2)}…` : begin!], LEFT, y, room, style);
    this.draw([end], LEFT, y, WIDTH, { ...style, align: 'right' });
  }
}

const oneLine = (text: string): string => writable(text).replace(/\s+/g, ' ').trim();
export const lineHeight = (size: number): number => size * LEADING;
