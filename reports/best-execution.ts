import type { ExecutionRow } from '#sinks/postgres/read-reports.ts';
import {
  type ExecutionCosts,
  executionCosts,
  median,
  notionalOf,
  shortfallParts,
  venueCosts,
} from './execution-costs.ts';
import {
  COMMON_NOTES,
  countField,
  decimalField,
  figure,
  finite,
  methodNotes,
  numberField,
  ratio,
  section,
  shareField,
  textField,
  timeField,
  timeOfMicros,
} from './fields.ts';
import type { Cell, ChartSection, Field, FiguresSection, Report, Section, Subject, TableSection } from './model.ts';
import { endMicros, type Period, type ReportSource, startMicros } from './source.ts';

/** The orders that arrived in a period. */
export interface BestExecutionData {
  readonly asked: Period;
  /** Oldest first. */
  readonly orders: readonly ExecutionRow[];
  /** True when there are more: these are the newest. */
  readonly cut: boolean;
}

const MOST_ORDERS = 20_000;
const COSTLIEST = 50;
/** Upper ends of the classes of slippage, basis points. */
const CLASSES = [-100, -50, -20, -10, -5, 0, 5, 10, 20, 50, 100];
const UNKNOWN_CURRENCY = 'currency unknown';

export async function loadBestExecution(source: ReportSource, portfolioId: string, asked: Period) {
  const [from, to] = [startMicros(asked.from), endMicros(asked.to)];
  const orders = await source.reports.executions(portfolioId, from, to, MOST_ORDERS + 1);
  const cut = orders.length > MOST_ORDERS;
  return { asked, orders: cut ? orders.slice(1) : orders, cut } satisfies BestExecutionData;
}

/** Best execution: what carrying out orders has cost, where, and which were the costliest. */
export function bestExecution(subject: Subject, { asked, orders, cut }: BestExecutionData): Report {
  const days = orders.map(({ arrivalTime }) => timeOfMicros(arrivalTime)!.slice(0, 10));
  const [first, last] = [days[0], days.at(-1)];
  const none = `No order of this portfolio arrived ${periodText(asked)}with a record in execution.quality.`;
  const byCurrency = groups(orders, currencyOf);
  const by = (name: string, title: string, column: string, key: (row: ExecutionRow) => string) =>
    costsTable(name, title, [textField('group', column)], grouped(byCurrency, key), none);
  return {
    ...subject,
    kind: 'best-execution',
    title: 'Best execution',
    asOf: last ?? null,
    period: first === undefined || last === undefined ? null : { from: first, to: last },
    sections: [
      keyFigures(orders, cut, none),
      costsTable('by-currency', 'Costs', [], grouped(byCurrency, null), none),
      partsChart(byCurrency, none),
      slippageChart(orders, none),
      venuesTable(byCurrency, none),
      by('by-strategy', 'Costs by strategy', 'Strategy', ({ strategy }) => strategy),
      by('by-order-type', 'Costs by order type', 'Order type', ({ orderType }) => orderType),
      by('by-instrument', 'Costs by instrument', 'Instrument', ({ instrument }) => instrument),
      costliestTable(orders, none),
      notes(),
    ] satisfies Section[],
  };
}

const currencyOf = ({ currency }: ExecutionRow) => currency ?? UNKNOWN_CURRENCY;

function periodText({ from, to }: Period): string {
  if (from === null && to === null) return '';
  if (from === to) return `on ${from} `;
  return `${from === null ? '' : `from ${from} `}${to === null ? '' : `to ${to} `}`;
}

function groups(rows: readonly ExecutionRow[], key: (row: ExecutionRow) => string): Map<string, ExecutionRow[]> {
  const found = new Map<string, ExecutionRow[]>();
  for (const row of rows) {
    const name = key(row);
    const group = found.get(name);
    if (group) group.push(row);
    else found.set(name, [row]);
  }
  return found;
}

type Currencies = ReadonlyMap<string, readonly ExecutionRow[]>;
interface CostRow {
  readonly keys: readonly string[];
  readonly currency: string;
  readonly costs: ExecutionCosts;
}

/** Amounts of different currencies are never added up: each group is of one. */
function grouped(byCurrency: Currencies, key: ((row: ExecutionRow) => string) | null): CostRow[] {
  return [...byCurrency].flatMap(([currency, rows]) =>
    key === null
      ? [{ keys: [], currency, costs: executionCosts(rows) }]
      : [...groups(rows, key)]
          .map(([name, group]) => ({ keys: [name], currency, costs: executionCosts(group) }))
          .sort((a, b) => b.costs.notional - a.costs.notional),
  );
}

function keyFigures(orders: readonly ExecutionRow[], cut: boolean, none: string): FiguresSection {
  const count = (status: ExecutionRow['status']) => orders.filter((row) => row.status === status).length;
  const ordered = orders.length;
  const seconds = (micros: number | null) => (micros === null ? null : micros / 1e6);
  const bps = (name: string, title: string, of: (row: ExecutionRow) => number | null) => {
    const values = orders.map((row) => finite(of(row)));
    const known = values.filter((value) => value !== null).length;
    return figure(numberField(name, title, 'bps', 2), median(values), `${known} of ${ordered} orders have it`);
  };
  const figures = [
    figure(
      countField('orders', 'Orders'),
      ordered,
      cut ? `The newest ${MOST_ORDERS}; there are more: take a shorter period` : null,
    ),
    figure(countField('filled', 'Filled'), count('FILLED')),
    figure(countField('expired', 'Expired'), count('EXPIRED'), 'Less than all executed when the horizon had passed'),
    figure(countField('open', 'Open'), count('OPEN')),
    figure(shareField('filledShare', 'Orders filled'), ratio(count('FILLED'), ordered)),
    bps('arrivalBps', 'Slippage against arrival, median', (row) => row.slippageArrivalBps),
    bps('vwapBps', 'Slippage against VWAP, median', (row) => row.slippageVwapBps),
    bps('twapBps', 'Slippage against TWAP, median', (row) => row.slippageTwapBps),
    bps('shortfallBps', 'Implementation shortfall, median', (row) => row.shortfallBps),
    figure(
      numberField('timeToFirstFill', 'Time to the first fill, median', 's', 3),
      median(orders.map((row) => seconds(row.timeToFirstFillMicros))),
    ),
    figure(
      numberField('timeToFullFill', 'Time to the full fill, median', 's', 3),
      median(orders.map((row) => seconds(row.timeToFullFillMicros))),
    ),
  ];
  return section<FiguresSection>(
    {
      kind: 'figures',
      name: 'key-figures',
      title: 'Key figures',
      about: 'Costs and slippages are positive when they are costs, whatever the side.',
      figures: ordered > 0 ? figures : [],
    },
    none,
  );
}

function costsTable(
  name: string,
  title: string,
  keys: readonly Field[],
  rows: readonly CostRow[],
  none: string,
): TableSection {
  return section<TableSection>(
    {
      kind: 'table',
      name,
      title,
      about: 'Slippage by value. The shortfall is of the orders that have one.',
      columns: [
        ...keys,
        textField('currency', 'Currency'),
        countField('orders', 'Orders'),
        countField('fills', 'Fills'),
        numberField('notional', 'Value executed', null, 0),
        numberField('fees', 'Fees'),
        numberField('arrivalBps', 'vs arrival', 'bps', 2),
        numberField('vwapBps', 'vs VWAP', 'bps', 2),
        numberField('twapBps', 'vs TWAP', 'bps', 2),
        countField('measured', 'With shortfall', 'orders'),
        numberField('shortfall', 'Shortfall'),
        numberField('shortfallBps', 'Shortfall', 'bps', 2),
      ],
      rows: rows.map(({ keys: names, currency, costs }): Cell[] => [
        ...names,
        currency,
        costs.orders,
        costs.fills,
        finite(costs.notional),
        finite(costs.fees),
        costs.arrivalBps,
        costs.vwapBps,
        costs.twapBps,
        costs.measured,
        costs.measured === 0 ? null : finite(costs.shortfall),
        costs.shortfallBps,
      ]),
    },
    none,
  );
}

function partsChart(byCurrency: Currencies, none: string): ChartSection {
  const parts = [...byCurrency]
    .map(([currency, rows]) => ({ currency, ...shortfallParts(rows) }))
    .filter(({ orders }) => orders > 0);
  const orders = parts.reduce((total, part) => total + part.orders, 0);
  return section<ChartSection>(
    {
      kind: 'chart',
      name: 'shortfall-parts',
      title: 'What the implementation shortfall is made of',
      about: `Of the ${orders} orders whose parts are all known, over what was decided.`,
      axis: {
        field: textField('part', 'Part'),
        values: ['Delay', 'Trading', 'Opportunity', 'Fees', 'Shortfall'],
      },
      scale: { type: 'number', unit: 'bps', decimals: 2 },
      series: parts.map(({ currency, bps }) => ({ name: currency, mark: 'bar', values: bps })),
    },
    byCurrency.size > 0
      ? 'No order has a shortfall whose parts are known: without a decision price, an arrival price or an end there is none.'
      : none,
  );
}

/** `0 to 5`: above 0, up to and with 5. */
function classNames(): string[] {
  const inner = CLASSES.slice(1).map((end, index) => `${CLASSES[index]} to ${end}`);
  return [`up to ${CLASSES[0]}`, ...inner, `above ${CLASSES.at(-1)}`];
}

function slippageChart(orders: readonly ExecutionRow[], none: string): ChartSection {
  const counts = new Array<number>(CLASSES.length + 1).fill(0);
  let known = 0;
  for (const { slippageArrivalBps } of orders) {
    const bps = finite(slippageArrivalBps);
    if (bps === null) continue;
    known++;
    const found = CLASSES.findIndex((end) => bps <= end);
    counts[found < 0 ? CLASSES.length : found]!++;
  }
  return section<ChartSection>(
    {
      kind: 'chart',
      name: 'slippage-classes',
      title: 'Orders by slippage against arrival',
      about: `${known} of ${orders.length} orders; classes in basis points, each with its upper end.`,
      axis: { field: textField('class', 'Slippage, bps'), values: classNames() },
      scale: { type: 'number', unit: 'orders', decimals: 0 },
      series: known === 0 ? [] : [{ name: 'Orders', mark: 'bar', values: counts }],
    },
    orders.length > 0
      ? 'No order has a slippage against arrival: none was executed, or no trade came before it.'
      : none,
  );
}

function venuesTable(byCurrency: Currencies, none: string): TableSection {
  const rows = [...byCurrency].flatMap(([currency, orders]) => {
    const total = executionCosts(orders).notional;
    return venueCosts(orders).map(([venue, costs]): Cell[] => [
      venue,
      currency,
      costs.orders,
      costs.fills,
      finite(costs.notional),
      ratio(finite(costs.notional), finite(total)),
      costs.arrivalBps,
    ]);
  });
  return section<TableSection>(
    {
      kind: 'table',
      name: 'venues',
      title: 'Venues',
      columns: [
        textField('venue', 'Venue'),
        textField('currency', 'Currency'),
        countField('orders', 'Orders'),
        countField('fills', 'Fills'),
        numberField('notional', 'Value executed', null, 0),
        shareField('notionalShare', 'Share of value', 1),
        numberField('arrivalBps', 'vs arrival', 'bps', 2),
      ],
      rows,
    },
    byCurrency.size > 0 ? 'Nothing was executed.' : none,
  );
}

function costliestTable(orders: readonly ExecutionRow[], none: string): TableSection {
  const worst = orders
    .filter((row) => finite(row.shortfallBps) !== null)
    .sort((a, b) => b.shortfallBps! - a.shortfallBps!)
    .slice(0, COSTLIEST);
  return section<TableSection>(
    {
      kind: 'table',
      name: 'costliest-orders',
      title: 'Costliest orders',
      about: `At most ${COSTLIEST}, by implementation shortfall in basis points.`,
      columns: [
        textField('orderId', 'Order'),
        timeField('arrivalTime', 'Arrival'),
        textField('instrument', 'Instrument'),
        textField('side', 'Side'),
        textField('status', 'Status'),
        decimalField('quantity', 'Ordered', null, 0),
        shareField('fillRatio', 'Filled', 0),
        numberField('decisionPrice', 'Decision', null, 4),
        numberField('arrivalPrice', 'Arrival', null, 4),
        numberField('averagePrice', 'Average', null, 4),
        numberField('notional', 'Value', null, 0),
        textField('currency', 'Currency'),
        numberField('arrivalBps', 'vs arrival', 'bps', 1),
        numberField('shortfallBps', 'Shortfall', 'bps', 1),
      ],
      rows: worst.map((row) => [
        row.orderId,
        timeOfMicros(row.arrivalTime),
        row.instrument,
        row.side,
        row.status,
        row.quantity,
        finite(row.fillRatio),
        finite(row.decisionPrice),
        finite(row.arrivalPrice),
        finite(row.averagePrice),
        finite(notionalOf(row)),
        currencyOf(row),
        finite(row.slippageArrivalBps),
        finite(row.shortfallBps),
      ]),
    },
    orders.length > 0 ? 'No order has a shortfall.' : none,
  );
}

const notes = () =>
  methodNotes([
    [
      'What it is of',
      'The newest record of each order in execution.quality whose arrival lies in the period. An order that is still open may change.',
    ],
    [
      'Slippage',
      'By how much the average execution price is worse than a benchmark, basis points of it: the arrival price (last trade when the order came), VWAP and TWAP of the time from arrival to the newest fill. Over several orders it is the cost over the executed value at the benchmark; key figures are medians over orders.',
    ],
    [
      'Implementation shortfall',
      "Perold (1988): profit of a paper portfolio that traded all at the decision price less that of the real one. Its parts are Wagner's: delay (decision to arrival), trading (arrival to fills), opportunity (decision to end on what was not executed), and fees.",
    ],
    [
      'Orders without a figure',
      'An order without a decision price, a trade before it, or an end has no shortfall: it is left out of that figure and counted.',
    ],
    [
      'Currencies',
      "Amounts are in each instrument's currency and are added up within one currency only; fees are taken to be in it too. Value is quantity x price x multiplier.",
    ],
    ...COMMON_NOTES,
  ]);
