import { stringify } from 'csv-stringify/sync';
import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { type Cell, type Field, type Report, type Section, type TypedCell, tableOf } from '../model.ts';

/**
 * What a spreadsheet would take for a formula, also behind blanks and in full width (OWASP, CSV injection). Numbers are written as
 * numbers and stay as they are.
 */
const FORMULA = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/u;

const safe = (text: string): string => (FORMULA.test(text) ? `'${text}` : text);
const cellOf = ({ type, value }: Pick<TypedCell, 'type' | 'value'>): Cell =>
  typeof value === 'string' && type === 'text' ? safe(value) : value;

/** A share is written as a part of one, and says so. */
const header = ({ title, type, unit }: Field): string =>
  safe(type === 'share' ? `${title} (share of 1)` : unit === null ? title : `${title} (${unit})`);

/**
 * RFC 4180, CRLF, UTF-8. Every section is a row `section`, its name and its title, a header and its rows; all rows have as many
 * fields as the widest, so that every reader takes the file. With `only`, that section alone: a header and its rows. A section
 * without data has its reason in place of its header. Throws SECTION_UNKNOWN.
 */
export function renderCsv(report: Report, only?: string): Buffer {
  const records = only === undefined ? wholeReport(report) : sectionRecords(sectionOf(report, only));
  const width = Math.max(...records.map((record) => record.length));
  const padded = records.map((record) => [...record, ...new Array<Cell>(width - record.length).fill(null)]);
  return Buffer.from(stringify(padded, { record_delimiter: '\r\n', quoted_match: /[\r\n]/ }));
}

function wholeReport(report: Report): Cell[][] {
  const { portfolio, period } = report;
  const head: [string, string | null][] = [
    ['report', report.kind],
    ['title', report.title],
    ['portfolio', portfolio.id],
    ['portfolioName', portfolio.name],
    ['currency', portfolio.currency],
    ['asOf', report.asOf],
    ['from', period?.from ?? null],
    ['to', period?.to ?? null],
    ['generatedAt', report.generatedAt],
  ];
  return [
    ...head.map(([name, value]) => [name, value === null ? null : safe(value)]),
    ...report.sections.flatMap((section) => [
      ['section', section.name, safe(section.title)],
      ...sectionRecords(section),
    ]),
  ];
}

function sectionRecords(section: Section): Cell[][] {
  if (section.empty !== null) return [['empty', safe(section.empty)]];
  const { titles, rows } = tableOf(section);
  return [titles.map(header), ...rows.map((row) => row.map(cellOf))];
}

function sectionOf({ sections }: Report, name: string): Section {
  const names = sections.map((section) => section.name);
  const found = sections.find((section) => section.name === name);
  if (found) return found;
  throw new TidemarkError(
    'SECTION_UNKNOWN',
    `The report has no section "${name}"${closest(name, names) || `; it has ${names.join(', ')}`}`,
  );
}
