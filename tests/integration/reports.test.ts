import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildReport, checkRequest } from '#reports/build.ts';
import type { Report, Section } from '#reports/model.ts';
import { formatOf } from '#reports/render/index.ts';
import type { ReportSource } from '#reports/source.ts';
import { parseDecimal } from '#schemas/decimal.ts';
import type { ExecutionQuality, Types } from '#schemas/generated/types.ts';
import type { TopicName } from '#schemas/topics.ts';
import type { SinkRecord } from '#sinks/kit/feed.ts';
import { migrate } from '#sinks/postgres/migrate.ts';
import { openReadStore, type ReadStore } from '#sinks/postgres/read.ts';
import { openReportReads, type ReportReads } from '#sinks/postgres/read-reports.ts';
import { openPostgresStore } from '#sinks/postgres/write.ts';
import { readPdf } from '../unit/reports/pdf-document.ts';
import { backtests, execution, riskMeasures, wave, weekdays } from '../unit/reports/samples.ts';
import { CommandLine } from './cli.ts';
import { type Services, startServices } from './harness.ts';
import { pnl } from './sinks-support.ts';

const LIMIT_MS = 60_000;
const DAYS = weekdays('2023-01-19', 250);
const EVENING = 21 * 3_600_000;

const folder = mkdtempSync(join(tmpdir(), 'tidemark-reports-'));
let services: Services;
let read: ReadStore;
let reports: ReportReads;
let source: ReportSource;
let tidemark: CommandLine;
let offset = 0;

/** Two values a day: only the last one counts. */
function equityPath(): Types['portfolio.pnl'][] {
  let equity = 1_000_000;
  return DAYS.flatMap((date, index) => {
    const dayPnl = equity * wave(index);
    equity += dayPnl;
    const at = (hourMs: number, more: Partial<Types['portfolio.pnl']>) => ({
      ...pnl('momentum', index),
      eventTime: (Date.parse(date) + hourMs) * 1000,
      ...more,
    });
    return [at(EVENING - 3_600_000, { equity: 1, dayPnl: -1 }), at(EVENING, { equity, dayPnl })];
  });
}

/** A row of the sample as the topic has it: exact amounts as such. */
function quality(index: number, more: Partial<ExecutionQuality> = {}): ExecutionQuality {
  const { currency: _, venues, quantity, filledQuantity, multiplier, fees, ...row } = execution(index);
  return {
    ...row,
    quantity: parseDecimal(quantity),
    filledQuantity: parseDecimal(filledQuantity),
    multiplier: parseDecimal(multiplier),
    fees: parseDecimal(fees),
    venues: venues.map((venue) => ({ ...venue, quantity: parseDecimal(venue.quantity) })),
    ...more,
  };
}

beforeAll(async () => {
  services = await startServices({ postgres: true });
  await migrate(services.databaseUrl);
  const store = await openPostgresStore(services.databaseUrl);
  await store.offsets(new Map([['portfolio.pnl', [0]]]));
  const write = async <T extends TopicName>(topic: T, values: readonly Types[T][]) => {
    const from = offset;
    const records = values.map((value): SinkRecord => {
      const raw = { offset, timestampMs: 0, key: null, value: null, headers: [] };
      return { partition: 0, offset: offset++, value: value as unknown as Record<string, unknown>, raw };
    });
    const advances = [{ topic: 'portfolio.pnl', partition: 0, from, next: offset } as const];
    await store.write({ records: new Map([[topic, records]]), rejects: [], advances });
  };
  const named = {
    eventTime: 1,
    portfolio: 'momentum',
    name: 'Momentum, monthly',
    baseCurrency: 'USD',
    description: null,
  };
  await write('reference.portfolios', [named]);
  const amount = parseDecimal('1');
  const share = {
    eventTime: 1,
    name: 'Apple',
    currency: 'USD',
    multiplier: amount,
    assetClass: 'EQUITY' as const,
    sector: null,
  };
  await write('reference.instruments', [
    { ...share, instrument: 'AAPL', lotSize: amount, tickSize: null, source: 'test' },
  ]);
  await write('portfolio.pnl', equityPath());
  // The day was told twice: returns came late, and the second record holds.
  await write('risk.measures', [
    riskMeasures({ historyDate: '2024-01-03', equity: 5 }),
    riskMeasures({ equity: 6 }),
    riskMeasures(),
  ]);
  await write('risk.backtests', backtests(DAYS));
  await write(
    'execution.quality',
    Array.from({ length: 40 }, (_, index) => quality(index)),
  );
  await store.close();
  read = openReadStore(services.databaseUrl);
  reports = openReportReads(services.databaseUrl);
  source = { read, reports };
  tidemark = new CommandLine(
    { ...services, kafkaBrokers: [], registryUrl: '' },
    { DATABASE_URL: services.databaseUrl },
  );
}, 2 * LIMIT_MS);
afterAll(async () => {
  await read?.close();
  await reports?.close();
  await services?.stop();
  rmSync(folder, { recursive: true, force: true });
}, LIMIT_MS);

const made = (kind: string, more: object = {}): Promise<Report> =>
  buildReport(checkRequest({ kind, portfolio: 'momentum', ...more }), source, Date.UTC(2024, 0, 5));
const figure = (report: Report, name: string) => {
  const found = report.sections.find((section) => section.name === 'key-figures');
  return found?.kind === 'figures' ? found.figures.find((one) => one.name === name)?.value : undefined;
};
const rows = (sections: readonly Section[], name: string) => {
  const found = sections.find((section) => section.name === name);
  return found?.kind === 'table' ? found.rows : [];
};

describe('reports from what is stored', { timeout: LIMIT_MS }, () => {
  it('go all the way to a PDF with the stored figures in it', async () => {
    const report = await made('performance');
    const growth = DAYS.reduce((wealth, _, index) => wealth * (1 + wave(index)), 1);
    expect(figure(report, 'cumulativeReturn')).toBeCloseTo(growth - 1, 9);
    expect(report).toMatchObject({ asOf: DAYS.at(-1), period: { from: DAYS[0], to: DAYS.at(-1) } });
    const { pages } = readPdf(await formatOf('pdf').render(report));
    expect(pages[0]).toContain(`${((growth - 1) * 100).toFixed(2)} %`);
    expect(pages[0]).toContain('Momentum, monthly (momentum), valued in USD');
  });

  it('are of the days asked for, both within', async () => {
    const report = await made('performance', { from: DAYS[10], to: DAYS[19] });
    expect(figure(report, 'days')).toBe(10);
    const days = await made('market-risk-backtest', { from: DAYS[10], to: DAYS[19] });
    expect(rows(days.sections, 'daily').map((row) => row[0])).toEqual(DAYS.slice(10, 20));
    expect(figure(days, 'actualExceptions')).toBe(0);
  });

  it('take the newest record of a day with risk, and no other day for one that has none', async () => {
    expect(await made('daily-risk')).toMatchObject({ asOf: '2024-01-04' });
    expect(figure(await made('daily-risk'), 'equity')).toBe(1_000_000);
    expect(figure(await made('daily-risk', { date: '2024-01-03' }), 'equity')).toBe(5);
    const none = await made('daily-risk', { date: '2024-01-05' });
    expect(none.sections[0]!.empty).toContain('the newest day before it is 2024-01-04');
  });

  it('judge the last 250 days, and find the exceptions that were stored', async () => {
    const report = await made('market-risk-backtest');
    expect(figure(report, 'exceptions')).toBe(6);
    expect(figure(report, 'zone')).toBe('YELLOW');
  });

  it('have orders by arrival, with the currency of their instrument where it is known', async () => {
    const report = await made('best-execution', { from: '2024-01-02', to: '2024-01-02' });
    expect(rows(report.sections, 'by-currency').map((row) => row.slice(0, 2))).toEqual([
      ['USD', 20],
      ['currency unknown', 20],
    ]);
    expect(rows(report.sections, 'venues').map((row) => row.slice(0, 3))).toEqual([
      ['XNAS', 'USD', 20],
      ['XNAS', 'currency unknown', 20],
    ]);
    expect((await made('best-execution', { from: '2024-01-03' })).sections[0]!.empty).toContain('from 2024-01-03');
  });

  it('say that a portfolio has no limits, and that a database has none', async () => {
    expect((await made('limits')).sections[0]!.empty).toBe('No limit is set for this portfolio.');
    const client = new pg.Client({ connectionString: services.databaseUrl });
    await client.connect();
    await client.query('alter table risk_utilisation rename to set_aside');
    try {
      expect((await made('limits')).sections[0]!.empty).toContain('There is no limit data');
    } finally {
      await client.query('alter table set_aside rename to risk_utilisation');
      await client.end();
    }
  });
});

describe('tidemark report', { timeout: LIMIT_MS }, () => {
  const report = (...args: string[]) => tidemark.run('report', ...args);

  it('writes a file of each format by its ending, whole or not at all', async () => {
    for (const format of ['pdf', 'xlsx', 'csv', 'html', 'json']) {
      const out = join(folder, `risk.${format}`);
      const { code, stdout, stderr } = await report('daily-risk', '--portfolio', 'momentum', '--out', out);
      expect([code, stdout, stderr]).toEqual([0, '', '']);
      expect(readFileSync(out).length).toBeGreaterThan(2_000);
    }
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
    expect(readPdf(readFileSync(join(folder, 'risk.pdf'))).pages.length).toBeGreaterThan(1);
  });

  it('writes JSON to standard output, one section of CSV for a program, and binary into a pipe', async () => {
    const json = await report('market-risk-backtest', '--portfolio', 'momentum');
    expect(JSON.parse(json.stdout)).toMatchObject({ kind: 'market-risk-backtest', asOf: DAYS.at(-1) });
    const csv = await report(
      'market-risk-backtest',
      '--portfolio',
      'momentum',
      '--format',
      'csv',
      '--section',
      'daily',
    );
    expect(csv.stdout.trimEnd().split('\r\n')).toHaveLength(251);
    const pdf = await report('limits', '--portfolio', 'momentum', '--format', 'pdf');
    expect([pdf.code, pdf.stdout.slice(0, 5)]).toEqual([0, '%PDF-']);
    expect(pdf.stderr).toContain('The report has no data: No limit is set');
  });

  it('leaves the file of before alone when there is nothing to put in its place', async () => {
    const out = join(folder, 'kept.json');
    writeFileSync(out, 'before');
    const { code } = await report('performance', '--portfolio', 'nobody', '--out', out);
    expect([code, readFileSync(out, 'utf8')]).toEqual([1, 'before']);
    const missing = await report('performance', '--portfolio', 'momentum', '--out', join(folder, 'no', 'where.json'));
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('cannot be written')]);
    expect(existsSync(join(folder, 'no'))).toBe(false);
  });

  it.each([
    [['dialy-risk', '--portfolio', 'momentum'], 1, 'did you mean daily-risk?'],
    [['performance', '--portfolio', 'momentm'], 1, 'did you mean momentum?'],
    [['performance'], 2, "required option '--portfolio <id>'"],
    [['performance', '--portfolio', 'momentum', '--date', '2024-01-01'], 1, 'of a period'],
    [['performance', '--portfolio', 'momentum', '--from', '01.02.2024'], 1, 'YYYY-MM-DD'],
    [
      ['performance', '--portfolio', 'momentum', '--format', 'doc'],
      2,
      'Allowed choices are json, csv, xlsx, pdf, html',
    ],
    [['performance', '--portfolio', 'momentum', '--out', 'report.txt'], 1, 'add --format'],
    [['performance', '--portfolio', 'momentum', '--section', 'growth'], 1, 'of --format csv'],
    [['performance', '--portfolio', 'momentum', '--format', 'csv', '--section', 'grow'], 1, 'did you mean growth?'],
  ])('%j is answered with what to do', async (args, code, text) => {
    const outcome = await report(...args);
    expect([outcome.code, outcome.stdout]).toEqual([code, '']);
    expect(outcome.stderr).toContain(text);
  });

  it('says that the database cannot be reached', async () => {
    const away = new CommandLine(
      { ...services, kafkaBrokers: [], registryUrl: '' },
      { DATABASE_URL: 'postgres://127.0.0.1:1/x' },
    );
    const { code, stderr } = await away.run('report', 'limits', '--portfolio', 'momentum');
    expect([code, stderr]).toEqual([1, expect.stringContaining('is it up, and DATABASE_URL right?')]);
  });
});
