import type { CellObject, Row, Sheet } from 'write-excel-file/node';
import writeExcel from 'write-excel-file/node';
import { type Report, type Section, type TypedCell, tableOf } from '../model.ts';
import { writable } from './escape.ts';
import { headLines, isNumeric, shown, titleText } from './shown.ts';
import { withoutClock } from './zip-time.ts';

/** Characters of a cell. */
const MOST_TEXT = 32_000;
/** Digits that a spreadsheet keeps of a number: an exact amount with more stays text. */
const MOST_DIGITS = 15;
const WIDTHS = { least: 9, most: 60 } as const;

/** A workbook: a sheet on the report, then one a section; numbers are numbers, days are dates, shares are shown as per cent. */
export async function renderExcel(report: Report): Promise<Buffer> {
  const sheets = [reportSheet(report), ...report.sections.map(sectionSheet)];
  return withoutClock(await writeExcel(sheets).toBuffer());
}

/** The writer finds its texts in a plain object, where the names that every object has are taken: a blank makes them others. */
const text = (value: string): string => {
  const kept = writable(value).slice(0, MOST_TEXT);
  return kept in Object.prototype ? `${kept} ` : kept;
};
const bold = (value: string): CellObject => ({ value: text(value), type: String, fontWeight: 'bold' });
const plain = (value: string): CellObject => ({ value: text(value), type: String });

function reportSheet(report: Report): Sheet<never> {
  const { portfolio, asOf, period, generated } = headLines(report);
  const rows: Row[] = [
    [bold(report.title), null],
    [plain('Portfolio'), plain(portfolio)],
    [plain('As of'), plain(asOf)],
    [plain('Period'), plain(period ?? 'one day')],
    [plain('Generated'), plain(generated)],
    [null, null],
    [bold('Sheet'), bold('What it is')],
    ...report.sections.map(
      (section): Row => [
        plain(sheetName(section)),
        plain([section.title, section.about, section.empty].filter((part) => part !== null).join('. ')),
      ],
    ),
  ];
  return { sheet: 'Report', data: rows, columns: [{ width: 28 }, { width: 100 }] };
}

/** From the section's name, which has neither the characters nor the length that sheets refuse. */
const sheetName = ({ name }: Section): string => `${name[0]!.toUpperCase()}${name.slice(1).replaceAll('-', ' ')}`;

function sectionSheet(section: Section): Sheet<never> {
  const { titles, rows } = tableOf(section);
  const head: Row = titles.map((title) => ({
    ...bold(titleText(title)),
    wrap: true,
    align: isNumeric(title) ? 'right' : 'left',
    bottomBorderStyle: 'thin',
  }));
  const data = section.empty === null ? rows.map((row) => row.map(cellOf)) : [[plain(section.empty)]];
  const columns = titles.map((title, index) => {
    const widest = rows.reduce((most, row) => Math.max(most, shown(row[index]!).length), title.title.length);
    return { width: Math.min(Math.max(widest + 2, WIDTHS.least), WIDTHS.most) };
  });
  return { sheet: sheetName(section), data: [head, ...data], columns, stickyRowsCount: 1 };
}

function cellOf({ type, decimals, value }: TypedCell): CellObject | null {
  if (value === null) return null;
  const places = decimals > 0 ? `0.${'0'.repeat(decimals)}` : '0';
  if (typeof value === 'number')
    return { value, type: Number, format: type === 'share' ? `${places}%` : `#,##${places}` };
  if (type === 'date') return { value: new Date(`${value}T00:00:00Z`), type: Date, format: 'yyyy-mm-dd' };
  if (type === 'time') return { value: new Date(value), type: Date, format: 'yyyy-mm-dd hh:mm:ss' };
  const digits = value.replace(/\D/g, '').replace(/^0+/, '').length;
  if (type === 'decimal' && digits <= MOST_DIGITS)
    return { value: Number(value), type: Number, format: '#,##0.#########' };
  return plain(value);
}
