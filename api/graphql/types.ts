import SchemaBuilder from '@pothos/core';
import type { CurrencyPnl, Micros, PortfolioPnl, Trade } from '#schemas/generated/types.ts';
import type { PnlPoint, ReadStore } from '#sinks/postgres/read.ts';
import type { Commands } from '../commands.ts';
import type { LivePosition, LiveViews } from '../live/views.ts';
import { DateTime, Decimal } from './scalars.ts';

export interface GraphqlContext {
  readonly views: LiveViews;
  readonly store: ReadStore;
  readonly commands: Commands;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** Null when the live views hold what the store held, else why not. */
  readonly notLoaded: () => string | null;
}

/** A portfolio known by reference data or by a value. */
export interface PortfolioSource {
  readonly id: string;
  readonly name: string;
}

export const builder = new SchemaBuilder<{
  Context: GraphqlContext;
  Scalars: {
    DateTime: { Input: Micros; Output: Micros };
    Decimal: { Input: bigint; Output: bigint | string };
    ID: { Input: string; Output: string };
  };
  DefaultFieldNullability: false;
}>({ defaultFieldNullability: false });

builder.addScalarType('DateTime', DateTime);
builder.addScalarType('Decimal', Decimal);

const CurrencyPnlType = builder.objectRef<CurrencyPnl>('CurrencyPnl').implement({
  description: 'What a portfolio has in one currency; amounts are in it.',
  fields: (t) => ({
    currency: t.exposeString('currency', { description: 'ISO 4217 code.' }),
    rate: t.exposeFloat('rate', { nullable: true, description: 'Base currency for one of it; null without a path.' }),
    path: t.exposeString('path', { description: 'How the rate was found, e.g. JPY>USD>EUR via USDJPY, EURUSD.' }),
    rateTime: t.expose('rateTime', {
      type: 'DateTime',
      nullable: true,
      description: 'Of the oldest price that the rate is made of.',
    }),
    cash: t.expose('cash', { type: 'Decimal' }),
    realizedPnl: t.expose('realizedPnl', { type: 'Decimal' }),
    commission: t.expose('commission', { type: 'Decimal' }),
    unrealizedPnl: t.exposeFloat('unrealizedPnl'),
    grossExposure: t.exposeFloat('grossExposure'),
    netExposure: t.exposeFloat('netExposure'),
  }),
});

export const PnlType = builder.objectRef<PortfolioPnl>('PortfolioPnl').implement({
  description:
    "A portfolio's value in its base currency, at the newest rates; Decimal fields are exact, Float fields are doubles. Null: a rate is missing.",
  fields: (t) => ({
    portfolioId: t.id({ resolve: (pnl) => pnl.portfolio }),
    eventTime: t.expose('eventTime', {
      type: 'DateTime',
      description: 'Newest event time that the figures rest on. Never goes back.',
    }),
    equity: t.exposeFloat('equity', {
      nullable: true,
      description: 'Cash, cost and unrealised P&L of the positions.',
    }),
    cash: t.expose('cash', {
      type: 'Decimal',
      nullable: true,
      description: 'Deposits, less withdrawals, plus what fills and dividends moved.',
    }),
    realizedPnl: t.expose('realizedPnl', {
      type: 'Decimal',
      nullable: true,
      description: 'Realised P&L to date, dividends included, net of commission.',
    }),
    unrealizedPnl: t.exposeFloat('unrealizedPnl', {
      nullable: true,
      description: 'Unrealised P&L of the priced open positions.',
    }),
    drawdown: t.exposeFloat('drawdown', {
      nullable: true,
      description: '1 - equity / peak equity: 0 at the peak, 0.25 a quarter below.',
    }),
    dayPnl: t.exposeFloat('dayPnl', {
      nullable: true,
      description: "Change against the previous UTC day's last equity, less deposits.",
    }),
    commission: t.expose('commission', { type: 'Decimal', nullable: true, description: 'Commission paid to date.' }),
    grossExposure: t.exposeFloat('grossExposure', {
      nullable: true,
      description: 'Sum of the absolute market values.',
    }),
    netExposure: t.exposeFloat('netExposure', {
      nullable: true,
      description: 'Sum of the market values, shorts negative.',
    }),
    peakEquity: t.exposeFloat('peakEquity', {
      nullable: true,
      description: 'Highest equity so far, adjusted for deposits.',
    }),
    openPositions: t.exposeInt('openPositions'),
    unpricedPositions: t.exposeInt('unpricedPositions', {
      description: 'Open positions without a price, held at cost.',
    }),
    baseCurrency: t.exposeString('baseCurrency', {
      description: 'ISO 4217 code of all amounts but those in currencies.',
    }),
    missingRates: t.exposeStringList('missingRates', {
      description: 'Currencies without a rate to the base currency: the figures that need one are null.',
    }),
    currencies: t.field({
      type: [CurrencyPnlType],
      description: 'By code; empty while everything is in the base currency.',
      resolve: ({ currencies }) => [...currencies],
    }),
  }),
});

export const PositionType = builder.objectRef<LivePosition>('Position').implement({
  description: 'What a portfolio holds of one instrument. Flat positions stay, with their realised P&L.',
  fields: (t) => ({
    portfolioId: t.id({ resolve: (position) => position.portfolio }),
    instrument: t.exposeString('instrument'),
    eventTime: t.expose('eventTime', { type: 'DateTime' }),
    currency: t.exposeString('currency', { description: 'ISO 4217 code of every amount here.' }),
    quantity: t.expose('quantity', { type: 'Decimal', description: 'Positive long, negative short.' }),
    cost: t.expose('cost', { type: 'Decimal', description: 'Signed total cost of what is held, before commission.' }),
    averagePrice: t.exposeFloat('averagePrice', {
      nullable: true,
      description: 'Average entry price; null when flat.',
    }),
    markPrice: t.exposeFloat('markPrice', {
      nullable: true,
      description: 'Newest price; null when there never was one.',
    }),
    markTime: t.expose('markTime', { type: 'DateTime', nullable: true }),
    realizedPnl: t.expose('realizedPnl', {
      type: 'Decimal',
      description: 'Realised P&L to date, dividends included, net of commission.',
    }),
    unrealizedPnl: t.exposeFloat('unrealizedPnl', { nullable: true, description: 'Null when open and unpriced.' }),
    marketValue: t.float({
      nullable: true,
      description: 'Cost plus unrealised P&L; null when open and unpriced.',
      resolve: ({ cost, unrealizedPnl }) => (unrealizedPnl === null ? null : Number(cost) / 1e9 + unrealizedPnl),
    }),
    commission: t.expose('commission', { type: 'Decimal', description: 'Commission paid to date.' }),
    dividends: t.expose('dividends', {
      type: 'Decimal',
      description: 'Dividends received less those paid on short positions, to date; part of realizedPnl.',
    }),
    unpriced: t.exposeBoolean('unpriced', { description: 'True when the position is open and has no price.' }),
  }),
});

export const PnlPointType = builder.objectRef<PnlPoint>('PnlPoint').implement({
  description: "A portfolio's value at the end of one event time.",
  fields: (t) => ({
    eventTime: t.expose('eventTime', { type: 'DateTime' }),
    equity: t.exposeFloat('equity'),
    cash: t.expose('cash', { type: 'Decimal' }),
    realizedPnl: t.expose('realizedPnl', { type: 'Decimal' }),
    unrealizedPnl: t.exposeFloat('unrealizedPnl'),
    drawdown: t.exposeFloat('drawdown'),
  }),
});

export const TradeType = builder.objectRef<Trade>('Trade').implement({
  description: "A trade as the venue printed it, or a day's close of a replayed history.",
  fields: (t) => ({
    instrument: t.exposeString('instrument'),
    eventTime: t.expose('eventTime', { type: 'DateTime' }),
    price: t.exposeFloat('price'),
    size: t.exposeFloat('size', { nullable: true, description: 'Null where the source has none.' }),
    source: t.exposeString('source', { description: 'Where the figure comes from; "synthetic" when it was made up.' }),
  }),
});

export const PortfolioType = builder.objectRef<PortfolioSource>('Portfolio').implement({
  fields: (t) => ({
    id: t.exposeID('id'),
    name: t.exposeString('name'),
    pnl: t.field({
      type: PnlType,
      nullable: true,
      description: 'Newest value; null while there is none.',
      resolve: ({ id }, _args, { views }) => views.pnl.values(id).next().value ?? null,
    }),
    positions: t.field({
      type: [PositionType],
      description: 'By instrument.',
      resolve: ({ id }, _args, { views }) =>
        [...views.positions.values(id)].sort((a, b) => (a.instrument < b.instrument ? -1 : 1)),
    }),
  }),
});
