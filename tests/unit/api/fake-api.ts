import type { AddressInfo } from 'node:net';
import { createViews, type LivePosition } from '#api/live/views.ts';
import { createServer, type ServerOptions } from '#api/server.ts';
import type { ReportSource } from '#reports/source.ts';
import type { PortfolioPnl, Trade } from '#schemas/generated/types.ts';
import type { PnlPoint, ReadStore } from '#sinks/postgres/read.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';

export const pnl = (portfolio: string, eventTime: number, more: Partial<PortfolioPnl> = {}): PortfolioPnl => ({
  eventTime,
  portfolio,
  cash: 1_234_567_890_123_456_789n,
  realizedPnl: -250_500_000_000n,
  commission: 1_000_000_000n,
  unrealizedPnl: 12.25,
  equity: 1_000_000.5 + eventTime,
  dayPnl: 3,
  grossExposure: 4,
  netExposure: 5,
  peakEquity: 6,
  drawdown: 0.125,
  openPositions: 1,
  unpricedPositions: 0,
  baseCurrency: 'USD',
  missingRates: [],
  currencies: [],
  sourceTopic: 'portfolio.positions',
  sourceEventTime: eventTime,
  ...more,
});

export const position = (portfolio: string, instrument: string, eventTime: number): LivePosition => ({
  eventTime,
  portfolio,
  instrument,
  quantity: 10_500_000_000n,
  cost: 1_050_000_000_000n,
  averagePrice: 100,
  markPrice: 101,
  markTime: eventTime,
  multiplier: 1_000_000_000n,
  currency: 'USD',
  realizedPnl: 0n,
  unrealizedPnl: 10.5,
  commission: 0n,
  dividends: 2_250_000_000n,
  cashFlow: -1_050_000_000_000n,
  fills: 1,
  unpriced: false,
});

export const trade = (instrument: string, eventTime: number, price = 100): Trade => ({
  eventTime,
  instrument,
  price,
  size: null,
  source: 'synthetic',
  sequence: null,
});

export const emptyStore = (more: Partial<ReadStore> = {}): ReadStore => ({
  portfolios: async () => [],
  latestPnl: async () => null,
  positions: async () => [],
  pnlHistory: async (): Promise<PnlPoint[]> => [],
  pnlDays: async () => [],
  dailyCloses: async () => [],
  latestRisk: async () => null,
  riskHistory: async () => [],
  riskBacktests: async () => [],
  indicators: async () => [],
  bars: async () => [],
  regimes: async () => [],
  regimeHistory: async () => [],
  regimeSpans: async () => [],
  limits: async () => [],
  utilisation: async () => [],
  predictions: async () => [],
  breaches: async () => [],
  breach: async () => null,
  riskActions: async () => [],
  controls: async () => [],
  orderDecisions: async () => [],
  auditTrail: async () => [],
  executionQuality: async () => [],
  positionDays: async () => [],
  instruments: async () => [],
  currencyRates: async () => [],
  corporateActions: async () => [],
  splits: async () => [],
  models: async () => [],
  mlEvents: async () => [],
  orderBooks: async () => [],
  sinkOffsets: async () => [],
  close: async () => {},
  ...more,
});

export const emptyReports = (): ReportSource => ({
  read: emptyStore(),
  reports: {
    portfolios: async () => [],
    dayEnd: async () => null,
    backtests: async () => [],
    executions: async () => [],
    utilisation: async () => null,
    incidents: async () => null,
  },
});

/** The API's HTTP side alone, over views that the test fills: no Kafka, no database. */
export async function startFakeApi(options: Partial<ServerOptions> = {}) {
  const metrics = new Metrics();
  const views = createViews(metrics);
  const server = await createServer({
    host: '127.0.0.1',
    views,
    store: emptyStore(),
    reports: emptyReports(),
    commands: {
      setLimit: async () => {},
      removeLimit: async () => {},
      setControl: async () => {},
      acknowledge: async () => {},
    },
    metrics,
    log: silentLog,
    notLoaded: () => null,
    health: () => ({ ready: true, checkedAt: '', checks: [] }),
    processes: [],
    pageFolder: '/nowhere',
    ...options,
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    views,
    server,
    port,
    url,
    async query(query: string, variables: Record<string, unknown> = {}) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
      });
      return (await response.json()) as {
        data?: Record<string, unknown> | null;
        errors?: { message: string; extensions?: { code?: string } }[];
      };
    },
    async metric(name: string, topic: string): Promise<number | undefined> {
      const values = (await metrics.registry.getSingleMetric(name)?.get())?.values;
      return values?.find(({ labels }) => labels.topic === topic)?.value;
    },
    close: () => server.close(),
  };
}

/** Waits until `done` is true; fails after 20 s. */
export async function until(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + 20_000;
  while (!(await done())) {
    if (Date.now() > deadlineMs) throw new Error(`Waited 20 s for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
