import { METHOD_NAMES, METHODS } from '#quant/methods.ts';
import type { RiskBacktest, RiskMeasures, RiskTail } from '#schemas/generated/types.ts';
import type { PnlDay, RiskPoint } from '#sinks/postgres/read.ts';
import {
  COMMON_NOTES,
  countField,
  currencyOf,
  figure,
  finite,
  methodNotes,
  numberField,
  ratio,
  section,
  shareField,
  textField,
} from './fields.ts';
import type { Cell, ChartSection, FiguresSection, Report, Section, Subject, TableSection } from './model.ts';
import { daysBefore, endMicros, type ReportSource, startMicros } from './source.ts';

/** Risk at the end of one day, and how VaR came there. */
export interface DailyRiskData {
  /** The day asked for, YYYY-MM-DD; null: the newest. */
  readonly asked: string | null;
  /** Of the day asked for; null when there is none. */
  readonly risk: RiskMeasures | null;
  /** The newest day with risk before the one asked for, where that has none. */
  readonly newestBefore: string | null;
  /** Historical VaR and ES at the chart's level up to and with the day, oldest first. */
  readonly history: readonly RiskPoint[];
  /** The portfolio at the day's end; null when it has no value of that day. */
  readonly pnl: PnlDay | null;
  /** The newest day judged up to and with the day. */
  readonly backtest: RiskBacktest | null;
}

const LEVEL = 0.99;
const HISTORY_DAYS = 250;
/** Calendar days in which as many trading days are. */
const HISTORY_SPAN_DAYS = 400;
const MOST_BARS = 15;

export async function loadDailyRisk(source: ReportSource, portfolioId: string, asked: string | null) {
  const newest = await source.reports.dayEnd(portfolioId, asked);
  const date = newest?.historyDate ?? null;
  const found = newest !== null && date !== null && (asked === null || date === asked);
  if (!found)
    return { asked, risk: null, newestBefore: date, history: [], pnl: null, backtest: null } satisfies DailyRiskData;
  const [history, days, judged] = await Promise.all([
    source.read.riskHistory(
      portfolioId,
      'historical',
      LEVEL,
      startMicros(daysBefore(date, HISTORY_SPAN_DAYS)),
      startMicros(date),
    ),
    source.read.pnlDays(portfolioId, startMicros(date), endMicros(date)! - 1),
    source.reports.backtests(portfolioId, null, date, 1),
  ]);
  return {
    asked,
    risk: newest,
    newestBefore: null,
    history: history.slice(-HISTORY_DAYS),
    pnl: days[0] ?? null,
    backtest: judged[0] ?? null,
  } satisfies DailyRiskData;
}

/** Daily risk: what could be lost, by which method, from what, and under which shocks. */
export function dailyRisk(subject: Subject, data: DailyRiskData): Report {
  const { risk } = data;
  const currency = currencyOf(subject);
  const none = reasonForNone(data);
  const sections: Section[] = [
    keyFigures(data, currency, none),
    measuresTable(risk, currency, none),
    stressedTable(risk, currency, none),
    historyChart(data, currency, none),
    contributionsTable(risk, currency, none),
    contributionsChart(risk, currency, none),
    shocksTable(risk, currency, none),
    shocksChart(risk, currency, none),
    sectorsTable(risk, currency, none),
    notes(risk),
  ];
  return {
    ...subject,
    kind: 'daily-risk',
    title: 'Daily risk',
    asOf: risk?.historyDate ?? null,
    period: null,
    sections,
  };
}

function reasonForNone({ asked, newestBefore }: DailyRiskData): string {
  if (asked === null)
    return 'No day of this portfolio has ended with risk yet: the first one does when a second begins.';
  const before = newestBefore === null ? 'and no day before it has' : `the newest day before it is ${newestBefore}`;
  return `No risk was recorded at the end of ${asked}; ${before}.`;
}

/** The one-day figure by the historical method at the report's level. */
const headline = (risk: RiskMeasures | null): RiskTail | null =>
  risk?.measures.find(
    ({ method, confidence, horizonDays, stressWindow }) =>
      method === 'historical' && confidence === LEVEL && horizonDays === 1 && stressWindow === null,
  ) ?? null;

function keyFigures({ risk, pnl, backtest }: DailyRiskData, currency: string, none: string): FiguresSection {
  const tail = headline(risk);
  const verdict = backtest?.results.find(({ method, confidence }) => method === 'historical' && confidence === LEVEL);
  const valueAtRisk = finite(tail?.valueAtRisk);
  const amount = (name: string, title: string) => numberField(name, title, currency);
  const unpriced = risk?.unpriced ?? [];
  const figures = [
    figure(amount('valueAtRisk', 'VaR 99 %, 1 day, historical'), valueAtRisk, tail?.problem ?? null),
    figure(amount('expectedShortfall', 'Expected shortfall 99 %, 1 day, historical'), tail?.expectedShortfall),
    figure(shareField('valueAtRiskShare', 'VaR as a share of equity'), ratio(valueAtRisk, finite(risk?.equity))),
    figure(amount('equity', 'Equity'), risk?.equity),
    figure(amount('dayPnl', 'P&L of the day'), risk ? pnl?.dayPnl : null, 'Change of equity less net deposits'),
    figure(amount('grossExposure', 'Gross exposure'), risk?.grossExposure),
    figure(amount('netExposure', 'Net exposure'), risk?.netExposure),
    figure(amount('longExposure', 'Long exposure'), risk?.longExposure),
    figure(amount('shortExposure', 'Short exposure'), risk?.shortExposure),
    figure(numberField('leverage', 'Leverage'), risk?.leverage, 'Gross exposure over equity'),
    figure(countField('openPositions', 'Open positions'), risk?.openPositions),
    figure(
      countField('unpricedPositions', 'Positions without a mark'),
      risk ? unpriced.length : null,
      unpriced.length > 0 ? `No figure of risk is known while these have none: ${unpriced.join(', ')}` : null,
    ),
    figure(shareField('volatility', 'Volatility a year'), risk?.volatility),
    figure(numberField('beta', `Beta${risk ? ` against ${risk.benchmark}` : ''}`), risk?.beta),
    figure(numberField('averageCorrelation', 'Average correlation of the holdings'), risk?.averageCorrelation),
    figure(shareField('largestShare', 'Largest position'), risk?.largestShare, 'Share of gross exposure'),
    figure(shareField('topFiveShare', 'Five largest positions'), risk?.topFiveShare, 'Share of gross exposure'),
    figure(
      numberField('herfindahl', 'Concentration (Herfindahl)', null, 3),
      risk?.herfindahl,
      '0 spread, 1 one position',
    ),
    figure(
      countField('scenarios', 'Days of history used'),
      risk?.scenarios,
      risk?.shortestHistory ? `Cut by the history of ${risk.shortestHistory}` : null,
    ),
    figure(
      textField('zone', "Basel's traffic light"),
      verdict?.zone,
      verdict ? zoneNote(verdict.recentExceptions, verdict.observations, backtest!.date) : 'No day was judged yet',
    ),
  ];
  return section<FiguresSection>(
    { kind: 'figures', name: 'key-figures', title: 'Key figures', figures: risk ? figures : [] },
    none,
  );
}

const zoneNote = (exceptions: number, observations: number, date: string) =>
  `${exceptions} exceptions in the last ${Math.min(observations, 250)} days judged, to ${date}; historical VaR 99 %`;

const METHOD_COLUMNS = [
  textField('method', 'Method'),
  shareField('confidence', 'Level', 1),
  countField('horizonDays', 'Horizon', 'days'),
];
const tailCells = ({ method, confidence, horizonDays, valueAtRisk, expectedShortfall }: RiskTail): Cell[] => [
  method,
  finite(confidence),
  horizonDays,
  finite(valueAtRisk),
  finite(expectedShortfall),
];
const tailColumns = (currency: string) => [
  numberField('valueAtRisk', 'VaR', currency),
  numberField('expectedShortfall', 'Expected shortfall', currency),
];

function measuresTable(risk: RiskMeasures | null, currency: string, none: string): TableSection {
  const tails = (risk?.measures ?? []).filter(({ stressWindow }) => stressWindow === null);
  return section<TableSection>(
    {
      kind: 'table',
      name: 'measures',
      title: 'VaR and expected shortfall by method',
      columns: [
        ...METHOD_COLUMNS,
        ...tailColumns(currency),
        shareField('valueAtRiskShare', 'VaR / equity'),
        countField('scenarios', 'History', 'days'),
        countField('paths', 'Paths drawn'),
        textField('problem', 'Why there is none'),
      ],
      rows: tails.map((tail) => [
        ...tailCells(tail),
        ratio(finite(tail.valueAtRisk), finite(risk!.equity)),
        tail.scenarios,
        tail.paths,
        tail.problem,
      ]),
    },
    risk ? 'The record of that day has no measures: a position had no mark, or there was no history.' : none,
  );
}

function stressedTable(risk: RiskMeasures | null, currency: string, none: string): TableSection {
  const tails = (risk?.measures ?? []).filter(({ stressWindow }) => stressWindow !== null);
  return section<TableSection>(
    {
      kind: 'table',
      name: 'stressed-measures',
      title: 'Stressed VaR',
      about: "Today's holdings over the days of a past crisis.",
      columns: [
        ...METHOD_COLUMNS,
        textField('stressWindow', 'Days of the scenarios'),
        ...tailColumns(currency),
        textField('problem', 'Why there is none'),
      ],
      rows: tails.map((tail) => [
        ...tailCells(tail).toSpliced(3, 0, tail.stressWindow?.replace('/', ' to ') ?? null),
        tail.problem,
      ]),
    },
    risk
      ? 'No stressed VaR yet: the days of the stress window lay ahead, or the holdings have no history of them.'
      : none,
  );
}

function historyChart({ history }: DailyRiskData, currency: string, none: string): ChartSection {
  return section<ChartSection>(
    {
      kind: 'chart',
      name: 'history',
      title: `VaR and expected shortfall 99 %, 1 day, historical: the last ${history.length} days`,
      axis: {
        field: { name: 'date', title: 'Day', type: 'date', unit: null, decimals: 0 },
        values: history.map(({ date }) => date),
      },
      scale: { type: 'number', unit: currency, decimals: 2 },
      series: [
        { name: 'VaR', mark: 'line', values: history.map(({ valueAtRisk }) => finite(valueAtRisk)) },
        { name: 'Expected shortfall', mark: 'line', values: history.map((point) => finite(point.expectedShortfall)) },
      ],
    },
    none,
  );
}

const contributionsOf = (risk: RiskMeasures | null) =>
  [...(risk?.contributions ?? [])].sort((a, b) => b.componentVar - a.componentVar);
const noContributions = (risk: RiskMeasures | null, none: string) =>
  risk ? 'There are no contributions: nothing was held, or VaR had no figure.' : none;

function contributionsTable(risk: RiskMeasures | null, currency: string, none: string): TableSection {
  const rows = contributionsOf(risk);
  const total = finite(rows.reduce((sum, { componentVar }) => sum + componentVar, 0));
  const level = risk?.contributionConfidence ?? null;
  return section<TableSection>(
    {
      kind: 'table',
      name: 'contributions',
      title: 'What each position adds to risk',
      about: `Historical, one day ahead${level === null ? '' : `, at ${Number((level * 100).toFixed(4))} %`}. Components sum to the whole; negative ones take risk away.`,
      columns: [
        textField('instrument', 'Instrument'),
        numberField('exposure', 'Exposure', currency),
        numberField('componentVar', 'Component VaR', currency),
        shareField('componentShare', 'Share of VaR', 1),
        numberField('componentEs', 'Component ES', currency),
        numberField('incrementalVar', 'Incremental VaR', currency),
        numberField('marginalVar', 'Marginal VaR', null, 5),
      ],
      rows: rows.map((part) => [
        part.instrument,
        finite(part.exposure),
        finite(part.componentVar),
        ratio(finite(part.componentVar), total),
        finite(part.componentEs),
        finite(part.incrementalVar),
        finite(part.marginalVar),
      ]),
    },
    noContributions(risk, none),
  );
}

function contributionsChart(risk: RiskMeasures | null, currency: string, none: string): ChartSection {
  const rows = contributionsOf(risk);
  const largest = [...rows]
    .sort((a, b) => Math.abs(b.componentVar) - Math.abs(a.componentVar))
    .slice(0, MOST_BARS)
    .sort((a, b) => b.componentVar - a.componentVar);
  return section<ChartSection>(
    {
      kind: 'chart',
      name: 'contributions-chart',
      title: 'Component VaR by position',
      ...(rows.length > MOST_BARS ? { about: `The ${MOST_BARS} largest of ${rows.length}, by size.` } : {}),
      axis: { field: textField('instrument', 'Instrument'), values: largest.map(({ instrument }) => instrument) },
      scale: { type: 'number', unit: currency, decimals: 2 },
      series: [{ name: 'Component VaR', mark: 'bar', values: largest.map((part) => finite(part.componentVar)) }],
    },
    noContributions(risk, none),
  );
}

const NO_SHOCKS = 'The record of that day has no shocks.';

function shocksTable(risk: RiskMeasures | null, currency: string, none: string): TableSection {
  return section<TableSection>(
    {
      kind: 'table',
      name: 'shocks',
      title: 'Stress: profit under shocks',
      columns: [
        textField('shock', 'Shock'),
        numberField('profit', 'Profit', currency),
        shareField('profitShare', 'Profit / equity'),
        textField('problem', 'Why there is none'),
      ],
      rows: (risk?.shocks ?? []).map(({ name, profit }) => [
        name,
        finite(profit),
        ratio(finite(profit), finite(risk!.equity)),
        finite(profit) === null ? 'A holding has no history then' : null,
      ]),
    },
    risk ? NO_SHOCKS : none,
  );
}

function shocksChart(risk: RiskMeasures | null, currency: string, none: string): ChartSection {
  const shocks = (risk?.shocks ?? []).slice(0, MOST_BARS);
  return section<ChartSection>(
    {
      kind: 'chart',
      name: 'shocks-chart',
      title: 'Profit under shocks',
      axis: { field: textField('shock', 'Shock'), values: shocks.map(({ name }) => name) },
      scale: { type: 'number', unit: currency, decimals: 2 },
      series: [{ name: 'Profit', mark: 'bar', values: shocks.map(({ profit }) => finite(profit)) }],
    },
    risk ? 'No shock has a profit that is known.' : none,
  );
}

function sectorsTable(risk: RiskMeasures | null, currency: string, none: string): TableSection {
  return section<TableSection>(
    {
      kind: 'table',
      name: 'sectors',
      title: 'Exposure by sector',
      columns: [
        textField('sector', 'Sector'),
        numberField('net', 'Net', currency),
        numberField('gross', 'Gross', currency),
        shareField('grossShare', 'Share of gross', 1),
      ],
      rows: (risk?.sectors ?? []).map(({ sector, net, gross }) => [
        sector === '' ? 'no sector' : sector,
        finite(net),
        finite(gross),
        ratio(finite(gross), finite(risk!.grossExposure)),
      ]),
    },
    risk ? 'Nothing with a mark was held.' : none,
  );
}

function notes(risk: RiskMeasures | null) {
  return methodNotes([
    [
      'What it is of',
      'The holdings at the end of the day, with the returns of that day among the scenarios, as the topic risk.measures has them (dayEnd).',
    ],
    [
      'VaR and ES',
      'A loss above VaR has the probability 1 - level; expected shortfall is the mean loss in that tail. One row a method, level and horizon.',
    ],
    ...METHOD_NAMES.map((name) => [`Method ${name}`, METHODS[name]] as const),
    [
      'Contributions',
      "Euler's: the position's own loss in the scenario that is VaR, or over the tail. Incremental VaR is VaR less VaR without the position; marginal VaR the change for one more unit of currency.",
    ],
    [
      'Volatility and beta',
      `Of the scenarios' profits over equity, 252 days a year, ddof 1${risk ? `; beta against ${risk.benchmark}` : ''}.`,
    ],
    [
      'Traffic light',
      'Basel Framework MAR32 and MAR99: exceptions of VaR at 99 % among the last 250 days judged, hypothetical P&L; green to 4, yellow to 9, red from 10. The market-risk backtest report has the days.',
    ],
    ...COMMON_NOTES,
  ]);
}
