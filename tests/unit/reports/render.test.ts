import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import readExcel from 'read-excel-file/node';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildReport, checkRequest, KIND_NAMES, type ReportKind } from '#reports/build.ts';
import { numberField, textField } from '#reports/fields.ts';
import { checkReport, type Report } from '#reports/model.ts';
import { renderCsv } from '#reports/render/csv.ts';
import { FORMAT_NAMES, fileName, formatOf } from '#reports/render/index.ts';
import { readCsv } from './csv-records.ts';
import { readPdf } from './pdf-document.ts';
import { SUBJECT, sampleSource } from './samples.ts';

const NOW = Date.UTC(2024, 0, 5, 6);
const reports = new Map<ReportKind, Report>();
const reportOf = (kind: ReportKind) => reports.get(kind)!;
const render = async (report: Report, format: string) => formatOf(format).render(report);

beforeAll(async () => {
  for (const kind of KIND_NAMES)
    reports.set(kind, await buildReport(checkRequest({ kind, portfolio: 'momentum' }), sampleSource(), NOW));
});

/** A report of one table with one text, and of key figures and a chart that bear it too. */
function reportWith(text: string, value = 1): Report {
  const field = textField('name', text === '' ? 'Name' : text);
  const base = { about: text, empty: null };
  return checkReport({
    ...SUBJECT,
    portfolio: { id: text || 'p', name: text, currency: null },
    kind: 'hostile',
    title: `Report ${text}`,
    asOf: '2024-01-04',
    period: null,
    sections: [
      {
        ...base,
        kind: 'figures',
        name: 'figures',
        title: text,
        figures: [{ ...numberField('value', text), value, note: text }],
      },
      {
        ...base,
        kind: 'table',
        name: 'table',
        title: text,
        columns: [field, numberField('value', 'Value')],
        rows: [
          [text, value],
          ['plain', -1],
        ],
      },
      {
        ...base,
        kind: 'chart',
        name: 'chart',
        title: text,
        axis: { field, values: [text, 'plain'] },
        scale: { type: 'number', unit: text, decimals: 2 },
        series: [{ name: `${text} series`, mark: 'bar', values: [value, null] }],
      },
      { ...base, kind: 'notes', name: 'notes', title: text, notes: [{ term: text, text }] },
    ],
  });
}

describe('the same report', () => {
  it.each(KIND_NAMES)('%s is the same bytes each time, in every format', async (kind) => {
    for (const format of FORMAT_NAMES) {
      const [first, second] = [
        await render(reportOf(kind), format),
        await render(structuredClone(reportOf(kind)), format),
      ];
      expect(first.equals(second), format).toBe(true);
    }
  });
});

describe('JSON', () => {
  it('is the model itself', async () => {
    expect(JSON.parse((await render(reportOf('performance'), 'json')).toString())).toEqual(reportOf('performance'));
  });
});

describe('CSV', () => {
  it.each(KIND_NAMES)('%s is RFC 4180 with every section under a row of its own', (kind) => {
    const records = readCsv(renderCsv(reportOf(kind)).toString());
    expect(records.filter(([first]) => first === 'section').map(([, name]) => name)).toEqual(
      reportOf(kind).sections.map(({ name }) => name),
    );
    expect(records[0]!.slice(0, 2)).toEqual(['report', kind]);
  });

  it('has numbers with all their digits, and one section alone as a plain table', () => {
    const report = reportOf('performance');
    const records = readCsv(renderCsv(report, 'growth').toString());
    const chart = report.sections.find(({ name }) => name === 'growth')!;
    if (chart.kind !== 'chart') throw new Error('growth is a chart');
    expect(records[0]).toEqual(['Day', 'Portfolio', 'SP500']);
    expect(records.slice(1).map((record) => Number(record[1]))).toEqual(chart.series[0]!.values);
    expect(() => renderCsv(report, 'grwth')).toThrow('did you mean growth?');
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', ' =1', '\uff1d1'])(
    'lets no spreadsheet run %j, and leaves negative numbers numbers',
    (text) => {
      const records = readCsv(renderCsv(reportWith(text, -5), 'table').toString());
      expect(records[1]).toEqual([`'${text}`, '-5']);
      for (const record of readCsv(renderCsv(reportWith(text)).toString()))
        for (const cell of record)
          expect(cell).toMatch(/^(?!\s*[=+@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])(-?[\d.]+$|(?!\s*-))/);
    },
  );

  it('has the reason of a section without data', () => {
    const records = readCsv(renderCsv(reportOf('limits')).toString());
    expect(records.filter(([first]) => first === 'empty')).toHaveLength(4);
  });
});

describe('Excel', () => {
  it.each(KIND_NAMES)('%s has a sheet on itself and one a section, numbers as numbers, days as dates', async (kind) => {
    const sheets = await readExcel(await render(reportOf(kind), 'xlsx'));
    const { sections } = reportOf(kind);
    expect(sheets).toHaveLength(sections.length + 1);
    expect(sheets[0]!.data.slice(0, 3).map((row) => row[1])).toEqual([
      null,
      'Momentum, monthly (momentum), valued in USD',
      expect.any(String),
    ]);
    for (const [index, section] of sections.entries()) {
      const { data } = sheets[index + 1]!;
      if (section.empty !== null) expect(data[1]![0]).toBe(section.empty);
      if (section.kind === 'chart' && section.empty === null) {
        expect(data.slice(1).map((row) => row[1] ?? null)).toEqual(section.series[0]!.values);
        const [first] = section.axis.values;
        expect(data[1]![0]).toEqual(section.axis.field.type === 'date' ? new Date(`${first}T00:00:00Z`) : first);
      }
    }
  });

  it('keeps an exact amount that a double would cut as text', async () => {
    const report = reportWith('x');
    const columns = [{ ...numberField('amount', 'Amount'), type: 'decimal' as const }];
    const rows = [['1234.5'], ['12345678901234567890.123456789']];
    const table = { ...report.sections[1]!, kind: 'table' as const, columns, rows };
    const sheets = await readExcel(await render(checkReport({ ...report, sections: [table] }), 'xlsx'));
    expect(sheets[1]!.data.slice(1)).toEqual([[1234.5], ['12345678901234567890.123456789']]);
  });
});

describe('PDF', () => {
  it.each(KIND_NAMES)('%s has head, foot and number on each page, and says what it is', async (kind) => {
    const report = reportOf(kind);
    const { pages, info } = readPdf(await render(report, 'pdf'));
    for (const [index, texts] of pages.entries()) {
      expect(texts).toContain(`Tidemark · ${report.title} · Momentum, monthly (momentum), valued in USD`);
      expect(texts).toContain(report.asOf === null ? 'No data' : `As of ${report.asOf} UTC`);
      expect(texts).toContain(`page ${index + 1} of ${pages.length}`);
      expect(texts).toContain('Generated 2024-01-05 06:00:00 UTC');
    }
    expect(info).toMatchObject({
      Title: `${report.title}: Momentum, monthly, ${report.asOf === null ? 'no data' : `${report.asOf} UTC`}`,
      Author: 'Tidemark',
      CreationDate: 'D:20240105060000Z',
      ModDate: 'D:20240105060000Z',
    });
    const words = pages.flat().join(' ').replace(/\s+/g, ' ');
    for (const { title, empty } of report.sections) {
      expect(words).toContain(title);
      if (empty !== null) expect(words).toContain(empty);
    }
  });

  it('shows the key figures as they are in the model', async () => {
    const { pages } = readPdf(await render(reportOf('performance'), 'pdf'));
    const at = pages[0]!.indexOf('Beta');
    expect(pages[0]![at + 1]).toMatch(/^\d\.\d\d$/);
    expect(pages[0]!).toContain('Equity at the end, USD');
  });

  it('repeats the head of a table on every page that it goes on over', async () => {
    const { pages } = readPdf(await render(reportOf('market-risk-backtest'), 'pdf'));
    const daily = pages.filter(
      (texts) => texts.includes('Forecast of') && texts.some((text) => /^2023-0[4-9]-/.test(text)),
    );
    expect(daily.length).toBeGreaterThan(2);
    // Every day is there, once in the table of all days.
    const days = pages.flat().filter((text) => /^\d{4}-\d\d-\d\d$/.test(text));
    expect(new Set(days).size).toBeGreaterThanOrEqual(250);
  });

  it('says that characters are missing from its fonts, where they are, and not otherwise', async () => {
    const words = async (text: string) =>
      readPdf(await render(reportWith(text), 'pdf'))
        .pages.flat()
        .join(' ');
    expect(await words('Ærø, €5 – Székely')).toContain('Ærø, €5 – Székely');
    expect(await words('Ærø')).not.toContain('do not have');
    expect(await words('Őrség −5 ≤ 3')).toContain('Orség -5 <= 3');
    expect(await words('日本')).toContain('do not have');
  });
});

describe('HTML', () => {
  it.each(KIND_NAMES)(
    '%s is well-formed, needs nothing from elsewhere, and has its charts as pictures',
    async (kind) => {
      const text = (await render(reportOf(kind), 'html')).toString();
      expect(unclosed(text)).toEqual([]);
      expect(text).not.toMatch(/<script|<link|<img|\bsrc=|\bhref=|url\(|@import/i);
      const charts = reportOf(kind).sections.filter((found) => found.kind === 'chart' && found.empty === null);
      expect(text.match(/<svg /g) ?? []).toHaveLength(charts.length);
      expect(text).not.toMatch(/NaN|Infinity|undefined|\[object/);
    },
  );

  it('escapes what it is given', async () => {
    const text = (await render(reportWith('<script>alert("x")</script>&\'\u202egnp'), 'html')).toString();
    expect(text).not.toMatch(/<script|\u202e/);
    expect(text).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;gnp');
    expect(unclosed(text)).toEqual([]);
  });
});

const VOID = new Set(['meta', 'br', 'hr', 'input', 'link', 'img']);
/** Tags that are not closed, or not in the order in which they were opened. */
function unclosed(html: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  for (const [, close, name, rest] of html.matchAll(
    /<(\/?)([a-z][a-z0-9]*)((?:\s+[a-zA-Z-]+(?:="[^"<]*")?)*\s*\/?)>/g,
  )) {
    if (close) {
      if (open.pop() !== name) wrong.push(`</${name}>`);
    } else if (!VOID.has(name!) && !rest!.endsWith('/')) open.push(name!);
  }
  // What is left once tags, the style and the doctype are gone has no bracket.
  const bare = html.replace(/<style>[\s\S]*?<\/style>/, '').replace(/<!doctype html>/, '');
  const text = bare.replace(/<\/?[a-z][a-z0-9]*(?:\s+[a-zA-Z-]+(?:="[^"<]*")?)*\s*\/?>/g, '');
  return [...wrong, ...open, ...(text.match(/[<>]/g) ?? [])];
}

describe('any text and any number', () => {
  const letters = [
    ...'=+-@\t\r\n"\',;<>&/\\()[]{}%$#|~^ aÅ\u0000\u0007\u007f\u0085\u00a0\u00ad\u200b\u202e\u2028\ufeff\uffff\ud800日\u0301',
    '😀',
    'ﬁ',
  ];
  const hostile = fc.oneof(
    fc.string({ unit: fc.constantFrom(...letters), maxLength: 40 }),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constant('x'.repeat(3_000)),
    fc.constantFrom('__proto__', 'constructor', '{{7*7}}', ']]>', '--></style>'),
  );
  const number = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(0, -0, 5e-324, 1.7e308, -1.7e308),
  );

  it('come out of every format as a sound file with the text or what stands for it', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(hostile, number, async (text, value) => {
        const report = reportWith(text, value);
        expect(JSON.parse((await render(report, 'json')).toString()).sections[1].rows[0][1]).toBe(value + 0);
        const csv = readCsv(renderCsv(report, 'table').toString('utf8'));
        expect(csv[1]![0]!.replace(/^'/, '')).toBe(text.toWellFormed().replace(/^'/, ''));
        expect(Number(csv[1]![1])).toBe(value + 0);
        const { pages } = readPdf(await render(report, 'pdf'));
        expect(pages.flat().join('')).toContain(`page 1 of ${pages.length}`);
        expect(unclosed((await render(report, 'html')).toString())).toEqual([]);
        const sheets = await readExcel(await render(report, 'xlsx'));
        expect(sheets[2]!.data[1]![1]).toBe(value + 0);
      }),
      { seed: 7, numRuns: 60 },
    );
  });
});

it('a file name has nothing in it that a shell or a header would take for something else', () => {
  const named = (id: string) =>
    fileName({ ...reportOf('performance'), portfolio: { ...SUBJECT.portfolio, id } }, 'pdf');
  expect(named('momentum')).toBe('performance_momentum_2024-01-03.pdf');
  expect(named('../../etc/passwd')).toBe('performance_etc-passwd_2024-01-03.pdf');
  expect(named('a"\r\nb; 日本')).toBe('performance_a-b_2024-01-03.pdf');
  expect(named('日本')).toBe('performance_portfolio_2024-01-03.pdf');
});

it('docs/reports.md names every report, section and format', () => {
  const docs = readFileSync('docs/reports.md', 'utf8');
  for (const kind of KIND_NAMES) {
    expect(docs).toContain(`\`${kind}\``);
    for (const { name } of reportOf(kind).sections) expect(docs, kind).toContain(`\`${name}\``);
  }
  for (const format of FORMAT_NAMES) expect(docs).toContain(`\`${format}\``);
});
