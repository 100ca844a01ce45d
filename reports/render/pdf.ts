import { type Field, type Report, type Section, tableOf } from '../model.ts';
import { INK, MUTED } from './marks.ts';
import { lineHeight, Pages, WIDTH } from './pdf-page.ts';
import { drawTable } from './pdf-table.ts';
import { plot } from './plot.ts';
import { headLines, titleText } from './shown.ts';

const ACCENT = '#0b3d62';
const BODY = { size: 8.5, color: INK } as const;
const ABOUT = { size: 8, color: MUTED } as const;
const LOST =
  'Characters that the fonts of this document do not have are shown as ?; the other formats of this report have them.';

/** A4 pages: title, sections, and on each page head, foot and number. The same report gives the same bytes. */
export function renderPdf(report: Report): Promise<Buffer> {
  const { portfolio, asOf, period, generated } = headLines(report);
  const pages = new Pages({
    title: `${report.title}: ${report.portfolio.name}, ${asOf}`,
    subject: `${report.title} of portfolio ${report.portfolio.id}${period === null ? '' : `, ${period}`}`,
    keywords: `${report.kind}, ${report.portfolio.id}, ${asOf}`,
    madeAt: new Date(report.generatedAt),
  });
  pages.paragraph(report.title, { size: 20, bold: true, color: ACCENT });
  pages.y += 4;
  for (const [name, value] of [
    ['Portfolio', portfolio],
    ['As of', asOf],
    ['Period', period],
    ['Generated', generated],
  ] as const)
    if (value !== null) drawFact(pages, name, value);
  for (const section of report.sections) drawSection(pages, section);
  if (pages.lost) {
    pages.y += 8;
    pages.paragraph(LOST, ABOUT);
  }
  return pages.finish(
    [`Tidemark · ${report.title} · ${portfolio}`, report.asOf === null ? 'No data' : `As of ${asOf}`],
    `Generated ${generated}`,
  );
}

const FACT_INDENT = 62;

function drawFact(pages: Pages, name: string, value: string): void {
  pages.draw([name], 48, pages.y, FACT_INDENT, { size: 9, color: MUTED });
  pages.paragraph(value, { size: 9 }, FACT_INDENT);
}

const TITLE = { size: 12, bold: true, color: ACCENT } as const;
const SECTION_GAP = 16;
/** A title with so much of what it is of, or on the next page. */
const LEAST_BELOW = 60;

function drawSection(pages: Pages, section: Section): void {
  const chart = section.kind === 'chart' && section.empty === null ? plot(section, WIDTH) : null;
  const titles = pages.lines(section.title, WIDTH, TITLE).length * lineHeight(TITLE.size);
  const isAbout = section.about !== null && section.empty === null;
  const about = !isAbout ? 0 : pages.lines(section.about, WIDTH, ABOUT).length * lineHeight(ABOUT.size);
  if (!pages.need(SECTION_GAP + titles + about + (chart?.height ?? LEAST_BELOW) + 6)) pages.y += SECTION_GAP;
  pages.paragraph(section.title, TITLE);
  pages.y += 1;
  if (isAbout) pages.paragraph(section.about, ABOUT);
  pages.y += 4;
  if (section.empty !== null) pages.paragraph(section.empty, { ...BODY, color: MUTED });
  else if (chart) pages.plot(chart);
  else drawContents(pages, section);
}

function drawContents(pages: Pages, section: Section): void {
  if (section.kind === 'notes') {
    for (const { term, text } of section.notes) {
      pages.need(2 * lineHeight(BODY.size));
      pages.paragraph(term, { ...BODY, bold: true });
      pages.paragraph(text, BODY);
      pages.y += 3;
    }
  } else if (section.kind === 'figures') {
    const rows = section.figures.map((figure) => [
      textCell('figure', titleText(figure)),
      figure,
      textCell('note', figure.note ?? ''),
    ]);
    drawTable(pages, FIGURE_COLUMNS, rows);
  } else {
    const { titles, rows } = tableOf(section);
    drawTable(pages, titles, rows);
  }
}

const column = (name: string, title: string, type: Field['type']): Field => ({
  name,
  title,
  type,
  unit: null,
  decimals: 0,
});
const FIGURE_COLUMNS = [
  column('figure', 'Figure', 'text'),
  column('value', 'Value', 'number'),
  column('note', 'Note', 'text'),
];
const textCell = (name: string, value: string) => ({ ...column(name, '', 'text'), value });
