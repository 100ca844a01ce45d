import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { Report } from '../model.ts';
import { renderCsv } from './csv.ts';
import { renderHtml } from './html.ts';
import { renderJson } from './json.ts';

interface Format {
  readonly contentType: string;
  /** Text may go to a terminal. */
  readonly isText: boolean;
  /** Browsers show it; else they keep it as a file. */
  readonly isShown: boolean;
  /** `section`: of a CSV file that section alone. */
  render(report: Report, section?: string): Buffer | Promise<Buffer>;
}

/** How a report may be written. What is large to load is loaded when it is asked for. */
export const FORMATS = {
  json: {
    contentType: 'application/json; charset=utf-8',
    isText: true,
    isShown: true,
    render: (report) => renderJson(report),
  },
  csv: { contentType: 'text/csv; charset=utf-8', isText: true, isShown: false, render: renderCsv },
  xlsx: {
    contentType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    isText: false,
    isShown: false,
    render: async (report) => (await import('./excel.ts')).renderExcel(report),
  },
  pdf: {
    contentType: 'application/pdf',
    isText: false,
    isShown: true,
    render: async (report) => (await import('./pdf.ts')).renderPdf(report),
  },
  html: {
    contentType: 'text/html; charset=utf-8',
    isText: true,
    isShown: true,
    render: (report) => renderHtml(report),
  },
} as const satisfies Readonly<Record<string, Format>>;
export type ReportFormat = keyof typeof FORMATS;
export const FORMAT_NAMES = Object.keys(FORMATS) as ReportFormat[];

/** The format of that name. Throws FORMAT_UNKNOWN with those there are. */
export function formatOf(name: string): Format {
  if (Object.hasOwn(FORMATS, name)) return FORMATS[name as ReportFormat];
  throw new TidemarkError(
    'FORMAT_UNKNOWN',
    `There is no format "${name}"${closest(name, FORMAT_NAMES) || `; there are ${FORMAT_NAMES.join(', ')}`}`,
  );
}

/** A name for the file: letters, digits and hyphens of what it is of. */
export function fileName({ kind, portfolio, asOf }: Report, format: string): string {
  const id = portfolio.id
    .replace(/[^A-Za-z0-9.-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 60);
  return [kind, id || 'portfolio', asOf ?? 'no-data'].join('_').concat('.', format);
}
