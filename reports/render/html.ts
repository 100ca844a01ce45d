import type { ChartSection, Field, NotesSection, Report, Section, TypedCell } from '../model.ts';
import { tableOf } from '../model.ts';
import { escapeHtml as safe } from './escape.ts';
import { STYLE } from './html-style.ts';
import { plot } from './plot.ts';
import { headLines, isNumeric, shown, titleText } from './shown.ts';
import { svg } from './svg.ts';

const CHART_WIDTH = 640;

/** One file that needs nothing else: style inside, charts as SVG, no script. It prints on A4. */
export function renderHtml(report: Report): Buffer {
  const { portfolio, asOf, period, generated } = headLines(report);
  const facts: [string, string | null][] = [
    ['Portfolio', portfolio],
    ['As of', asOf],
    ['Period', period],
    ['Generated', generated],
  ];
  const title = `${report.title} · ${report.portfolio.name} · ${asOf}`;
  const known = facts.flatMap(([name, value]) =>
    value === null ? [] : [`<div><dt>${name}</dt><dd>${safe(value)}</dd></div>`],
  );
  return Buffer.from(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Tidemark">
<title>${safe(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<p class="brand">Tidemark</p>
<h1>${safe(report.title)}</h1>
<dl>${known.join('')}</dl>
</header>
<main>
${report.sections.map(sectionHtml).join('\n')}
</main>
</body>
</html>
`);
}

function sectionHtml(section: Section): string {
  const id = safe(section.name);
  const about = section.about === null || section.empty !== null ? '' : `<p class="about">${safe(section.about)}</p>`;
  const body = section.empty === null ? contents(section) : `<p class="empty">${safe(section.empty)}</p>`;
  return `<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${safe(section.title)}</h2>
${about}${body}
</section>`;
}

function contents(section: Section): string {
  switch (section.kind) {
    case 'chart':
      return chart(section);
    case 'notes':
      return notes(section);
    case 'figures': {
      const rows = section.figures.map(
        (figure) =>
          `<tr><th scope="row">${safe(titleText(figure))}</th>${cell(figure, true)}<td class="note">${safe(figure.note ?? '')}</td></tr>`,
      );
      const head = '<th scope="col">Figure</th><th scope="col" class="number">Value</th><th scope="col">Note</th>';
      return table(head, rows);
    }
    case 'table': {
      const { titles, rows } = tableOf(section);
      const head = titles.map((title) => `<th scope="col"${classOf(title)}>${safe(titleText(title))}</th>`);
      return table(
        head.join(''),
        rows.map(
          (row) => `<tr>${row.map((value, index) => (index === 0 ? rowHead(value) : cell(value))).join('')}</tr>`,
        ),
      );
    }
  }
}

const table = (head: string, rows: readonly string[]) =>
  `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>\n${rows.join('\n')}\n</tbody></table></div>`;
const classOf = (field: Field) => (isNumeric(field) ? ' class="number"' : '');
const rowHead = (value: TypedCell) => `<th scope="row"${classOf(value)}>${safe(shown(value))}</th>`;
const cell = (value: TypedCell, isNumber = isNumeric(value)) =>
  `<td${isNumber ? ' class="number"' : ''}>${safe(shown(value))}</td>`;

const chart = (section: ChartSection) => `<figure>${svg(plot(section, CHART_WIDTH), section.title)}</figure>`;

const notes = ({ notes: all }: NotesSection) =>
  `<dl class="notes">${all.map(({ term, text }) => `<div><dt>${safe(term)}</dt><dd>${safe(text)}</dd></div>`).join('')}</dl>`;
