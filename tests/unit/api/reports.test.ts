import { afterEach, describe, expect, it } from 'vitest';
import { readPdf } from '../reports/pdf-document.ts';
import { sampleSource } from '../reports/samples.ts';
import { startFakeApi } from './fake-api.ts';

type Api = Awaited<ReturnType<typeof startFakeApi>>;
let api: Api;
afterEach(() => api.close());
const open = async (reports = sampleSource()) => {
  api = await startFakeApi({ reports });
  return (path: string) => fetch(`${api.url}/reports/${path}`);
};

describe('reports over HTTP', () => {
  it.each([
    ['pdf', 'application/pdf', 'inline'],
    ['html', 'text/html; charset=utf-8', 'inline'],
    ['json', 'application/json; charset=utf-8', 'inline'],
    ['csv', 'text/csv; charset=utf-8', 'attachment'],
    ['xlsx', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', 'attachment'],
  ])('%s comes with its type, a file name, and is kept by nobody', async (format, type, disposition) => {
    const get = await open();
    const response = await get(`performance.${format}?portfolio=momentum`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(type);
    expect(response.headers.get('content-disposition')).toBe(
      `${disposition}; filename="performance_momentum_2024-01-03.${format}"`,
    );
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    const bytes = Buffer.from(await response.arrayBuffer());
    if (format === 'pdf') expect(readPdf(bytes).pages.length).toBeGreaterThan(1);
    else expect(bytes.length).toBeGreaterThan(1_000);
  });

  it('takes ids of any letters', async () => {
    const get = await open();
    const response = await get(`limits.json?portfolio=${encodeURIComponent('équité')}`);
    expect(response.headers.get('content-disposition')).toBe('inline; filename="limits_quit_no-data.json"');
    expect(await response.json()).toMatchObject({ portfolio: { id: 'équité', currency: null } });
  });

  it.each([
    ['performence.pdf?portfolio=momentum', 404, 'did you mean performance?'],
    ['performance.doc?portfolio=momentum', 404, 'There is no format "doc"'],
    ['performance?portfolio=momentum', 404, 'There is no format ""'],
    ['performance.pdf', 400, 'Say whose report it is'],
    ['performance.pdf?portfolio=nobody', 404, 'There is no portfolio "nobody"'],
    ['performance.pdf?portfolio=momentum&form=2024-01-01', 400, 'did you mean from?'],
    ['performance.pdf?portfolio=momentum&portfolio=x', 400, 'more than once'],
    ['performance.pdf?portfolio=momentum&from=2024-13-01', 400, 'YYYY-MM-DD'],
    ['daily-risk.pdf?portfolio=momentum&from=2024-01-01', 400, 'of one day'],
  ])('%s is answered with %i and what to do', async (path, status, text) => {
    const get = await open();
    const response = await get(path);
    expect(response.status).toBe(status);
    expect(((await response.json()) as { error: string }).error).toContain(text);
  });

  it('tells nobody what failed inside', async () => {
    const get = await open(sampleSource({ portfolios: () => Promise.reject(new Error('password of tidemark')) }));
    const response = await get('performance.pdf?portfolio=momentum');
    expect([response.status, await response.json()]).toEqual([500, { error: 'Internal server error' }]);
  });

  it('makes two at once, and asks the third to come again', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    let waiting = 0;
    const source = sampleSource();
    const portfolios = async () => {
      waiting++;
      await gate;
      return source.reports.portfolios();
    };
    const get = await open(sampleSource({ portfolios }));
    const both = [get('limits.json?portfolio=momentum'), get('limits.json?portfolio=momentum')];
    await expect.poll(() => waiting).toBe(2);
    const third = await get('limits.json?portfolio=momentum');
    expect([third.status, third.headers.get('retry-after')]).toEqual([503, '2']);
    go();
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([200, 200]);
    expect((await get('limits.json?portfolio=momentum')).status).toBe(200);
  });
});
