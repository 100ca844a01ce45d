import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { System } from '#ops/embedded/launcher.ts';
import { AVRO } from '#schemas/avro.ts';
import { parseDecimal } from '#schemas/decimal.ts';
import type { BookUpdate, Types } from '#schemas/generated/types.ts';
import type { TopicName } from '#schemas/topics.ts';
import { openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { startTestSystem, until } from '../integration/harness.ts';

const LIMIT_MS = 120_000;
const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
/** Half a year of days, slow enough to be watched. */
const REPLAY = { TIDEMARK_DEMO: 'true', TIDEMARK_REPLAY_TO: '1990-06-29', TIDEMARK_REPLAY_SPEED: '4' };

let system: System;
let browser: Browser;
let context: BrowserContext;
let page: Page;
const problems: string[] = [];

beforeAll(async () => {
  system = await startTestSystem(REPLAY, ['sink-clickhouse']);
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, colorScheme: 'dark' });
  page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.message));
  await page.goto(system.httpUrl);
}, 180_000);

afterAll(async () => {
  await browser?.close();
  await system?.stop();
}, 60_000);

const text = async (selector: string) => (await page.locator(selector).textContent()) ?? '';
const equity = () => text('[data-testid="equity-equal-weight"]');
const status = () => text('[role="status"]');

async function seriousViolations(): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}

async function query<T>(document: string): Promise<T> {
  const response = await fetch(`${system.httpUrl}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: document }),
  });
  return ((await response.json()) as { data: T }).data;
}

async function write<T extends TopicName>(topic: T, key: string, value: Types[T]): Promise<void> {
  const kafka = await openKafka({ brokers: system.kafkaBrokers, clientId: 'browser-test' });
  try {
    const registry = new SchemaRegistry(system.registryUrl);
    const serde = await topicSerde<Types[T]>(registry, topic, AVRO[topic]);
    const producer = await kafka.openProducer();
    const timestampMs = Math.floor(value.eventTime / 1000);
    await producer.send({ topic, key, value: serde.encode(value), timestampMs });
    await producer.close();
  } finally {
    await kafka.close();
  }
}

const LATER = Date.UTC(1990, 6, 2, 20) * 1000;

/** Cash for a portfolio that nobody knew before. */
const deposit = (portfolio: string, amount: string) =>
  write('portfolio.cash', portfolio, {
    eventTime: LATER,
    cashId: 'first',
    portfolio,
    amount: parseDecimal(amount),
    currency: null,
    source: 'test',
  });

const bookUpdate = (kind: BookUpdate['kind'], sequence: number, levels: BookUpdate['levels']) =>
  write('market.book', 'BTCUSD', {
    eventTime: LATER + sequence,
    instrument: 'BTCUSD',
    kind,
    source: 'test',
    epoch: 0,
    firstSequence: null,
    sequence,
    previousSequence: null,
    depth: null,
    levels,
  });

describe('the page', () => {
  it(
    'shows three portfolios and their equity moving, without a reload',
    async () => {
      await page.locator('[data-testid="equity-equal-weight"]').waitFor({ timeout: LIMIT_MS });
      expect(await page.locator('.card').count()).toBe(3);
      const seen = new Set<string>();
      await until('five different equities', async () => seen.add(await equity()).size >= 5, LIMIT_MS);
      expect([...seen].every((value) => /^[\d,]+\.\d\d$/.test(value))).toBe(true);
      expect(await status()).toContain('Live');
      expect(await page.locator('header').textContent()).toContain('Historical replay');
    },
    LIMIT_MS * 2,
  );

  it(
    'draws any indicator of an instrument, and shows those that are streamed',
    async () => {
      const panel = page.locator('.indicators');
      await panel.locator('.streamed').waitFor({ timeout: LIMIT_MS });
      await until(
        'the bars of some days',
        async () => /RSI\(14\)\s*\d/.test(await text('.indicators .legend')),
        LIMIT_MS,
      );
      await panel.locator('.picker select').selectOption('EMA');
      await panel.locator('.picker input').fill('7');
      await panel.getByRole('button', { name: 'Add' }).click();
      await until('its line', async () => /EMA\(7\)\s*\d/.test(await text('.indicators .legend')), LIMIT_MS);
      await panel.getByRole('button', { name: 'Remove RSI(14)' }).click();
      await until('its line to go', async () => !(await text('.indicators .legend')).includes('RSI'), LIMIT_MS);
      expect(await panel.locator('.canvas').getAttribute('aria-label')).toContain('EMA(7)');
      expect(await text('.indicators .streamed')).toMatch(/Streamed, day of 1990.*SMA\(20\)/);
    },
    LIMIT_MS * 2,
  );

  it(
    'draws the curves',
    async () => {
      const canvas = page.locator('.chart .canvas');
      const before = await canvas.screenshot();
      await until('the picture to change', async () => !(await canvas.screenshot()).equals(before), LIMIT_MS);
      expect(await canvas.getAttribute('aria-label')).toContain('Equal weight');
    },
    LIMIT_MS,
  );

  it(
    'says which models count and what happened to them, and how likely limits are to be broken',
    async () => {
      const rows = (panel: string) => page.locator(`.${panel} tbody tr`).allTextContents();
      await until('the shipped models', async () => (await rows('models')).length >= 1, LIMIT_MS);
      expect((await rows('models'))[0]).toMatch(/^breach[0-9a-f]{12}champion1990-\d\d-\d\d20/);
      expect(await text('.models .events')).toMatch(/breach promoted.*by tidemark: /);
      await until('predictions', async () => (await rows('predictions')).length > 5, LIMIT_MS);
      expect((await rows('predictions')).join()).toContain('closed form, not calibrated');
    },
    LIMIT_MS,
  );

  it(
    'lists the positions of the portfolio that is chosen by keyboard, in the order asked for',
    async () => {
      await page.locator('[data-portfolio="equal-weight"]').focus();
      await page.keyboard.press('Enter');
      const names = () => page.locator('.positions tbody th').allTextContents();
      await until('its positions', async () => (await names()).length > 5, LIMIT_MS);
      expect(await text('#positions-title')).toContain('Equal weight');
      await page.getByRole('button', { name: 'Instrument' }).click();
      expect(await names()).toEqual((await names()).sort());
      const header = page.locator('.positions th', { hasText: 'Instrument' });
      expect(await header.getAttribute('aria-sort')).toBe('ascending');
    },
    LIMIT_MS,
  );

  it(
    'shows the risk of the portfolio that is chosen, at the level asked for by keyboard, and why there is no figure',
    async () => {
      expect(await text('#risk-title')).toContain('Equal weight');
      const row = (method: string) => page.locator('.risk tr', { has: page.locator('th', { hasText: method }) });
      // Half a year of history: enough for a normal one at once, for the historical one at 99 % in June.
      await until(
        'a VaR by the normal method',
        async () => /^Normal[\d,]+/.test((await row('Normal').textContent()) ?? ''),
        LIMIT_MS,
      );
      const at99 = await row('Normal').textContent();
      await page.getByRole('button', { name: '95 %' }).focus();
      await page.keyboard.press('Enter');
      await until('another level', async () => (await row('Normal').textContent()) !== at99, LIMIT_MS);
      expect(await page.locator('.risk caption').first().textContent()).toContain('95 %');
      expect(await row('Stressed').textContent()).toContain('The window ends on 2009-06-30');
      expect(await row('all prices -20 %').textContent()).toMatch(/\u2212[\d,]+/);
    },
    LIMIT_MS,
  );

  it(
    'shows an order book as it comes, and says at once when an update is missing',
    async () => {
      expect(await text('.order-book')).toContain('No order book yet');
      await bookUpdate('SNAPSHOT', 1, [
        { side: 'BID', price: 99.5, size: 3 },
        { side: 'BID', price: 99, size: 1.25 },
        { side: 'ASK', price: 100.5, size: 1 },
      ]);
      const rows = () => page.locator('.order-book tbody tr').allTextContents();
      await until('its levels', async () => (await rows()).length === 3, LIMIT_MS);
      expect(await rows()).toEqual(['100.501.00', '99.503.00', '99.001.25']);
      expect(await text('#order-book-title')).toBe('Order book · BTCUSD');
      expect(await text('.order-book dl')).toContain('Microprice100.2500');
      await bookUpdate('DELTA', 3, [{ side: 'BID', price: 98, size: 1 }]);
      await page.locator('.book-warning').waitFor({ timeout: LIMIT_MS });
      expect(await text('.book-warning')).toContain('Stale: an update is missing');
      expect(await text('.order-book dl')).toContain('Microprice–');
      expect(await rows()).toHaveLength(3);
    },
    LIMIT_MS,
  );

  it(
    'has no serious accessibility violation, dark or light, wide or narrow, and no error on the console',
    async () => {
      expect(await seriousViolations()).toEqual([]);
      await page.emulateMedia({ colorScheme: 'light' });
      expect(await seriousViolations()).toEqual([]);
      await page.setViewportSize({ width: 390, height: 844 });
      expect(await seriousViolations()).toEqual([]);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow).toBeLessThanOrEqual(0);
      await page.setViewportSize({ width: 1440, height: 1000 });
      await page.emulateMedia({ colorScheme: 'dark' });
      expect(problems).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'is called stale once the replay has ended, and shows the exact figures of the API to the last digit',
    async () => {
      await until('the end', async () => (await status()).includes('all input is processed'), LIMIT_MS);
      expect(await text('.clock time')).toBe('1990-06-29 20:00');
      const { portfolios } = await query<{ portfolios: { id: string; pnl: { cash: string; realizedPnl: string } }[] }>(
        '{ portfolios { id pnl { cash realizedPnl } } }',
      );
      for (const { id, pnl } of portfolios) {
        const figures = page.locator(`[data-portfolio="${id}"] .figure .value`);
        expect(await figures.nth(0).getAttribute('title')).toBe(pnl.cash);
        expect(await figures.nth(1).getAttribute('title')).toBe(pnl.realizedPnl);
      }
    },
    LIMIT_MS * 2,
  );

  it(
    'says that it is stale when the API dies, and shows by itself what came meanwhile when it is back',
    async () => {
      process.kill(system.supervisor.pid('api')!, 'SIGKILL');
      await until('the stale badge', async () => (await status()).includes('connection lost'), LIMIT_MS);
      await deposit('desk', '2500000.000000001');
      const cash = page.locator('[data-portfolio="desk"] .figure .value').first();
      await cash.waitFor({ timeout: LIMIT_MS });
      expect(await cash.getAttribute('title')).toBe('2500000.000000001');
      expect(await text('[data-portfolio="desk"] .name')).toBe('desk');
      expect(await status()).not.toContain('connection lost');
    },
    LIMIT_MS,
  );
});
